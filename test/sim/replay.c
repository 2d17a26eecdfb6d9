#include "test/sim/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim/plan.h"

static const char *name_of(int what)
{
    if (what == REPLAY_USERS) return "users";
    return what == REPLAY_ROGUE ? "rogue" : sim_fault_names[what];
}

static int find_what(const char *name)
{
    if (strcmp(name, "users") == 0) return REPLAY_USERS;
    if (strcmp(name, "rogue") == 0) return REPLAY_ROGUE;
    for (int f = 1; f < FAULT_COUNT; f++) {
        if (strcmp(name, sim_fault_names[f]) == 0) return f;
    }
    return -1;
}

bool replay_set(struct replay *r, int knob, double value)
{
    for (size_t i = 0; i < r->set_count; i++) {
        if (r->sets[i].knob != knob) continue;
        r->sets[i].value = value;
        return true;
    }
    if (r->set_count == REPLAY_SETS_MAX) return false;
    r->sets[r->set_count++] = (struct replay_set){knob, value};
    return true;
}

bool replay_leave_out(struct replay *r, int what, unsigned first, unsigned last)
{
    for (size_t i = 0; i < r->range_count; i++) { /* side by side: one range */
        struct replay_range *x = &r->ranges[i];
        if (x->what != what || first > x->last + 1 || last + 1 < x->first) continue;
        if (first < x->first) x->first = first;
        if (last > x->last) x->last = last;
        return true;
    }
    if (r->range_count == REPLAY_RANGES_MAX) return false;
    r->ranges[r->range_count++] = (struct replay_range){what, first, last};
    return true;
}

bool replay_leaves_out(const struct replay *r, int what, unsigned n)
{
    for (size_t i = 0; r && i < r->range_count; i++) {
        const struct replay_range *x = &r->ranges[i];
        if (x->what == what && n >= x->first && n <= x->last) return true;
    }
    return false;
}

static int read_ranges(struct replay *r, int what, const char *text, struct err *err)
{
    for (const char *at = text; *at;) {
        char *rest;
        unsigned long first = strtoul(at, &rest, 10), last = first;
        if (rest == at) return err_set(err, ERR_INVALID, "no number in %s", text);
        if (*rest == '-') last = strtoul(at = rest + 1, &rest, 10);
        if (rest == at) return err_set(err, ERR_INVALID, "no number in %s", text);
        if (!replay_leave_out(r, what, (unsigned)first, (unsigned)last)) {
            return err_set(err, ERR_TOO_BIG, "too much is left out");
        }
        at = *rest == ',' ? rest + 1 : rest;
        if (*rest && *rest != ',') return err_set(err, ERR_INVALID, "not a list: %s", text);
    }
    return 0;
}

static int read_word(struct replay *r, char *word, struct err *err)
{
    size_t n = strcspn(word, "=-");
    char glue = word[n];
    word[n] = '\0';
    if (glue == '=') {
        int knob = sim_knob_find(word);
        if (knob < 0) return err_set(err, ERR_INVALID, "there is no \"%s\" to set", word);
        if (replay_set(r, knob, strtod(word + n + 1, NULL))) return 0;
        return err_set(err, ERR_TOO_BIG, "too much is set");
    }
    int what = find_what(word);
    if (glue != '-' || what < 0) {
        return err_set(err, ERR_INVALID, "\"%s\" is nothing that can be left out", word);
    }
    return read_ranges(r, what, word + n + 1, err);
}

int replay_read(struct replay *r, const char *line, struct err *err)
{
    char words[65536], *rest;
    *r = (struct replay){0};
    if (strcspn(line, "#\n") >= sizeof(words)) return err_set(err, ERR_TOO_BIG, "a long line");
    str_copy(words, strcspn(line, "#\n") + 1, line);
    r->seed = strtoull(words, &rest, 10);
    if (rest == words) return err_set(err, ERR_NOT_FOUND, "no seed");
    while (*(rest += strspn(rest, " \t"))) {
        char *word = rest;
        rest += strcspn(rest, " \t");
        if (*rest) *rest++ = '\0';
        if (read_word(r, word, err) < 0) return -1;
    }
    return 0;
}

static void print_ranges(struct str *out, const struct replay *r, int what)
{
    char glue = '-';
    for (size_t i = 0; i < r->range_count; i++) {
        const struct replay_range *x = &r->ranges[i];
        if (x->what != what) continue;
        if (glue == '-') str_add_f(out, " %s", name_of(what));
        str_add_f(out, "%c%u", glue, x->first);
        if (x->last > x->first) str_add_f(out, "-%u", x->last);
        glue = ',';
    }
}

void replay_print(struct str *out, const struct replay *r)
{
    str_add_f(out, "%" PRIu64, r->seed);
    for (size_t i = 0; i < r->set_count; i++) {
        str_add_f(out, " %s=%g", sim_knobs[r->sets[i].knob].name, r->sets[i].value);
    }
    for (int what = 1; what <= REPLAY_ROGUE; what++) {
        if (what < FAULT_COUNT || what >= REPLAY_USERS) print_ranges(out, r, what);
    }
}
