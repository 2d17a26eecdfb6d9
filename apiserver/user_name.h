/* apiserver/user_name.h: the name that a person has in objects. Pure.
 *
 * Other systems call people "Alice@Example.com"; a Session's spec.user is a label's value and part
 * of names. What fits (a-z, 0-9 and '-', at most 63, a letter or digit at both ends) stays as it
 * is; anything else becomes what is left of it, and eight digits of its SHA-256, so that two people
 * never get one name: "alice-example-com-9c8d2f10".
 */
#pragma once

#include <stdbool.h>

enum { USER_NAME_SIZE = 64 };

void user_name(const char *id, char out[USER_NAME_SIZE]); /* "" stays "" */
bool user_name_fits(const char *id);
