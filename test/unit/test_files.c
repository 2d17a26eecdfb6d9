#include "lib/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "test/check.h"

static char path[64];
static struct err err;

static void put(const char *bytes, size_t n)
{
    snprintf(path, sizeof(path), "/tmp/carrel-files-XXXXXX");
    int fd = mkostemp(path, O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, bytes, n), (long long)n);
    close(fd);
}

TEST(files, file_is_read_to_its_last_byte)
{
    char *text = NULL;
    size_t len = 0;
    put("a\0b", 3);
    CHECK_OK(file_read(path, 100, &text, &len, &err), err);
    CHECK_INT(len, 3);
    CHECK_MEM(text, "a\0b", 4);
    free(text);
    CHECK_OK(file_read(path, 3, &text, NULL, &err), err);
    free(text);
    unlink(path);
}

TEST(files, file_over_the_maximum_is_refused)
{
    char *text = NULL;
    put("abcd", 4);
    CHECK_ERR(file_read(path, 3, &text, NULL, &err), err, ERR_TOO_BIG);
    CHECK_HAS(err.text, path);
    CHECK(!text);
    unlink(path);
    CHECK_ERR(file_read("/dev/zero", 100000, &text, NULL, &err), err, ERR_TOO_BIG);
}

TEST(files, file_without_a_size_is_read_until_it_ends)
{
    char name[32];
    char *text = NULL;
    size_t len = 0;
    int pair[2];
    CHECK_INT(pipe2(pair, O_CLOEXEC), 0);
    auto_free char *much = xmalloc(20000);
    memset(much, 'x', 20000);
    CHECK_INT(write(pair[1], much, 20000), 20000);
    close(pair[1]);
    snprintf(name, sizeof(name), "/dev/fd/%d", pair[0]);
    CHECK_OK(file_read(name, 100000, &text, &len, &err), err);
    CHECK_INT(len, 20000);
    CHECK_MEM(text, much, 20000);
    free(text);
    close(pair[0]);
    CHECK_OK(file_read("/dev/null", 10, &text, &len, &err), err);
    CHECK_INT(len, 0);
    CHECK_STR(text, "");
    free(text);
}

TEST(files, what_cannot_be_read_says_why)
{
    char *text = NULL;
    CHECK_ERR(file_read("/nowhere/at/all", 10, &text, NULL, &err), err, ERR_NOT_FOUND);
    CHECK_STR(err.text, "/nowhere/at/all: No such file or directory");
    CHECK_ERR(file_read("/dev/null/x", 10, &text, NULL, &err), err, ERR_NOT_FOUND);
    CHECK_ERR(file_read("/tmp", 10, &text, NULL, &err), err, ERR_INVALID);
    CHECK_ERR(file_check("/tmp", &err), err, ERR_INVALID);
    CHECK_ERR(file_check("/nowhere", &err), err, ERR_NOT_FOUND);
    CHECK_OK(file_check("/dev/null", &err), err);
}

TEST(files, replaced_file_has_another_identity)
{
    struct file_identity a, b, c;
    char first[64];
    put("one", 3);
    memcpy(first, path, sizeof(first));
    CHECK_OK(file_identify(first, &a, &err), err);
    CHECK_OK(file_identify(first, &b, &err), err);
    CHECK(file_identity_same(&a, &b));
    CHECK_INT(a.size, 3);
    put("two", 3);
    CHECK_INT(rename(path, first), 0);
    CHECK_OK(file_identify(first, &c, &err), err);
    CHECK(!file_identity_same(&a, &c));
    unlink(first);
    CHECK_ERR(file_identify(first, &c, &err), err, ERR_NOT_FOUND);
}
