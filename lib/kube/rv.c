#include "lib/kube/rv.h"

#include <string.h>

bool kube_rv_valid(const char *rv)
{
    size_t n = strspn(rv, "0123456789");
    return n > 0 && n < KUBE_RV_SIZE && rv[n] == '\0' && rv[0] != '0';
}

int kube_rv_cmp(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n != m) return n < m ? -1 : 1;
    return strcmp(a, b);
}
