#include "lib/kube/lines.h"

#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/rng.h"
#include "lib/xalloc.h"
#include "test/check.h"

struct got { /* the lines so far, each in angle brackets */
    struct str text;
    const char *stop_at;
};

static int note(void *user, const char *text, size_t len)
{
    struct got *got = user;
    str_add_c(&got->text, '<');
    str_add_n(&got->text, text, len);
    str_add_c(&got->text, '>');
    return got->stop_at && strncmp(text, got->stop_at, len) == 0 ? 42 : 0;
}

static int feed(struct kube_lines *l, struct got *got, const char *bytes, size_t n)
{
    struct err err = {0};
    auto_free char *exact = xmalloc(n);
    memcpy(exact, bytes, n);
    return kube_lines_feed(l, exact, n, note, got, &err);
}

TEST(kube_lines, every_cut_of_a_stream_gives_the_same_lines)
{
    static const char stream[] = "one\n\ntwo, longer\n{\"a\":\"b\"}\n\n\nx\nthe end is miss";
    static const char want[] = "<one><two, longer><{\"a\":\"b\"}><x>";
    size_t n = sizeof(stream) - 1;
    struct kube_lines l;
    struct got got = {0};
    kube_lines_init(&l);
    str_init(&got.text, 1000);
    for (size_t a = 0; a <= n; a++) {
        for (size_t b = a; b <= n; b++) {
            kube_lines_clear(&l);
            str_clear(&got.text);
            CHECK_INT(feed(&l, &got, stream, a), 0);
            CHECK_INT(feed(&l, &got, stream + a, b - a), 0);
            CHECK_INT(feed(&l, &got, stream + b, n - b), 0);
            CHECK_STR(got.text.at, want);
            CHECK_STR(l.partial.at, "the end is miss");
        }
    }
    str_release(&got.text);
    kube_lines_release(&l);
}

TEST(kube_lines, bytes_one_by_one_are_a_stream_too)
{
    static const char stream[] = "a\nbb\n\nccc\n";
    struct kube_lines l;
    struct got got = {0};
    kube_lines_init(&l);
    str_init(&got.text, 1000);
    for (size_t i = 0; i + 1 < sizeof(stream); i++) CHECK_INT(feed(&l, &got, stream + i, 1), 0);
    CHECK_STR(got.text.at, "<a><bb><ccc>");
    CHECK_INT(l.partial.len, 0);
    str_release(&got.text);
    kube_lines_release(&l);
}

TEST(kube_lines, a_piece_without_its_end_is_no_line_and_clear_forgets_it)
{
    struct kube_lines l;
    struct got got = {0};
    kube_lines_init(&l);
    str_init(&got.text, 1000);
    CHECK_INT(feed(&l, &got, "half", 4), 0);
    CHECK_STR(got.text.at, "");
    CHECK(l.partial.len > 0);
    kube_lines_clear(&l);
    CHECK_INT(feed(&l, &got, "whole\n", 6), 0);
    CHECK_STR(got.text.at, "<whole>");
    str_release(&got.text);
    kube_lines_release(&l);
}

TEST(kube_lines, the_reader_may_stop_and_its_word_comes_back)
{
    struct kube_lines l;
    struct got got = {.stop_at = "b"};
    kube_lines_init(&l);
    str_init(&got.text, 1000);
    CHECK_INT(feed(&l, &got, "a\nb\nc\n", 6), 42);
    CHECK_STR(got.text.at, "<a><b>");
    CHECK_INT(feed(&l, &got, "b", 1), 0);
    CHECK_INT(feed(&l, &got, "\nc\n", 3), 42); /* also from a line that came in two pieces */
    CHECK_STR(got.text.at, "<a><b><b>");
    CHECK_INT(l.partial.len, 0);
    str_release(&got.text);
    kube_lines_release(&l);
}

static int count_long(void *user, const char *text, size_t len)
{
    (void)text;
    *(size_t *)user = len;
    return 0;
}

/* Feeds a line of len bytes in pieces; the length that came out, 0: none. */
static size_t feed_long(struct kube_lines *l, size_t len, size_t piece, struct err *err, int *rc)
{
    auto_free char *text = xmalloc(len + 1);
    size_t got = 0;
    memset(text, 'x', len);
    text[len] = '\n';
    *rc = 0;
    for (size_t at = 0; at < len + 1 && *rc == 0; at += piece) {
        size_t n = len + 1 - at < piece ? len + 1 - at : piece;
        *rc = kube_lines_feed(l, text + at, n, count_long, &got, err);
    }
    return got;
}

TEST(kube_lines, a_line_over_the_limit_is_refused_in_whatever_pieces_it_comes)
{
    static const size_t pieces[] = {1u << 16, 1u << 20, (1u << 20) + 1, 16u << 20};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        struct kube_lines l;
        struct err err = {0};
        int rc = 0;
        kube_lines_init(&l);
        CHECK_INT(feed_long(&l, LIMIT_WATCH_LINE_BYTES, pieces[i], &err, &rc),
                  LIMIT_WATCH_LINE_BYTES);
        CHECK_OK(rc, err);
        CHECK_INT(feed_long(&l, LIMIT_WATCH_LINE_BYTES + 1, pieces[i], &err, &rc), 0);
        CHECK_ERR(rc, err, ERR_TOO_BIG);
        kube_lines_clear(&l);
        CHECK_INT(feed_long(&l, 3, pieces[i], &err, &rc), 3);
        kube_lines_release(&l);
    }
}
