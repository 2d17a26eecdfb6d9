/* lib/kube/rv.h: resource versions: decimal text of up to 39 digits (128 bit), compared by length
 * and then bytes. Comparable within one resource type only. Pure.
 */
#pragma once

#include <stdbool.h>

enum { KUBE_RV_SIZE = 40 };

/* Digits only, no leading zero, not empty, at most 39 of them. */
bool kube_rv_valid(const char *rv);

/* <0, 0 or >0. "" (nothing seen yet) is less than any version. */
int kube_rv_cmp(const char *a, const char *b);
