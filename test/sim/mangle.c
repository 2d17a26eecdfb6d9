#include "test/sim/mangle.h"

#include <string.h>

static const char *const bodies[] = {
    "",
    "null",
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Success\"}",
    ("{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{"
     "\"resourceVersion\":\"7\"},"
     "\"columnDefinitions\":[],\"rows\":[]}"),
    ("{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\","
     "\"namespace\":\"y\","
     "\"uid\":\"z\",\"resourceVersion\":\"9\"}}"),
    "{\"metadata\":{\"name\":\"\xff\xfe\",\"resourceVersion\":NaN}}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "<html><body>200 OK</body></html>",
};
enum { BODY_COUNT = sizeof(bodies) / sizeof(bodies[0]) };

struct store_answer mangle_answer(struct sim *sim, const struct store_answer *answer)
{
    struct store_answer a = *answer;
    sim->wordless |= answer->code == 403;
    int64_t how = sim_draw(sim, CHANCE_WEATHER, 0, BODY_COUNT + 3);
    if (how < BODY_COUNT) {
        a.body = bodies[how];
    } else if (how == BODY_COUNT) {
        bool unrouted = sim_draw(sim, CHANCE_WEATHER, 0, 1);
        a.code = unrouted ? 404 : 502;
        a.body = unrouted ? "404 page not found\n" : "<html><body>502 Bad Gateway</body></html>";
    } else { /* cut */
        size_t keep = a.len ? (size_t)sim_draw(sim, CHANCE_WEATHER, 0, (int64_t)a.len - 1) : 0;
        a.body = arena_strndup(&sim->arena, a.body ? a.body : "", keep);
    }
    a.len = strlen(a.body);
    return a;
}
