/* apiserver/select.h: what of a snapshot is asked for, in which order, and which page of it. Pure.
 *
 * A page ends with a token that holds the last item's place in the order, so that the next page
 * goes on behind it whatever has come and gone meanwhile: nothing that stays is left out or comes
 * twice.
 */
#pragma once

#include "apiserver/snapshot.h"
#include "lib/serve/query.h"

enum { SELECT_BY_KEY = -1, SELECT_BY_CREATED = -2 }; /* besides the fields, 0 and up */

struct select_sort { /* what ?sort= may be */
    const char *name;
    int by; /* a field, or one of the above */
};

struct select_param { /* ?name=value: the field must be that */
    const char *name;
    int field;
};

struct select_kind { /* of a list: what may be asked for; tables end with a NULL name */
    const struct select_param *params;
    const struct select_sort *sorts;
    int tags_field;            /* ?tag= and ?tags=a,b: as tags_text has them; -1: none */
    unsigned search_fields;    /* ?search=: bits of the fields that may hold the words */
};

struct select {
    const struct select_kind *kind;
    const char *ns; /* NULL: all */
    const char *user; /* NULL: everybody's; else the only one whose items there are */
    int user_field;
    const char *equal[SNAP_FIELDS];
    const char *tags; /* "a,b": all of them */
    const char *search;
    int sort;
    bool descending;
    size_t limit;            /* 0: all */
    const char *after_value; /* NULL: from the beginning */
    const char *after_key;
};

/* Reads the parameters of a list. ERR_INVALID: "limit: write a whole number from 1 to 1000", or a
 * parameter that there is not. */
MUST_CHECK int select_read(const struct select_kind *kind, const struct query *query,
                           struct arena *a, struct select *out, struct err *err);

struct select_page {
    const struct snap_item **items; /* in the arena; they belong to the snapshot */
    size_t count, total;            /* on this page; on all */
    const char *next;               /* the token of the next page, or NULL */
};
void select_page(const struct select *s, const struct snapshot *from, struct arena *a,
                 struct select_page *out);
