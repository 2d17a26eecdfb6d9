#include "lib/kube/auth_files.h"

#include <stdlib.h>
#include <string.h>

#include "lib/files.h"
#include "lib/limits.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

enum {
    TOKEN_MS = 50000, /* the kubelet renews at 80 % of an hour, others within a minute */
    PEM_MS = 300000,
    RETRY_MS = 1000, /* after a failure, and between two reads that a 401 asks for */
};

bool is_token(const char *text)
{
    if (!*text) return false;
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~') return false;
    }
    return true;
}

/* --- Token --- */

static int read_token(const char *path, char **out, struct err *err)
{
    char *text = NULL;
    if (file_read(path, LIMIT_CREDENTIAL_BYTES, &text, NULL, err) < 0) return -1;
    const char *begin = text + strspn(text, " \t\r\n");
    size_t n = strlen(begin);
    while (n > 0 && strchr(" \t\r\n", begin[n - 1])) n--;
    char *token = xstrndup(begin, n);
    tls_forget(text);
    if (is_token(token)) {
        *out = token;
        return 0;
    }
    err_set(err, ERR_INVALID, n ? "%s: a token has no such characters" : "%s: no token in it",
            path);
    tls_forget(token);
    return -1;
}

static int renew_token(struct auth_files *f, int64_t now_ms, struct err *err)
{
    char *token = NULL;
    f->token_read_ms = now_ms;
    f->token_due_ms = now_ms + RETRY_MS;
    if (read_token(f->config->token_file, &token, err) < 0) return -1;
    tls_forget(f->token);
    f->token = token;
    f->changes++;
    f->token_due_ms = now_ms + TOKEN_MS;
    return 0;
}

/* --- Certificates --- */

/* Data beats the file. The text, or NULL with err set; the caller frees it. */
static char *read_pem(const char *data, const char *path, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    if (data) return xstrdup(data);
    if (file_read(path, LIMIT_CREDENTIAL_BYTES, &text, &len, err) < 0) return NULL;
    if (strlen(text) == len) return text;
    explicit_bzero(text, len);
    free(text);
    err_set(err, ERR_INVALID, "%s: is no PEM text", path);
    return NULL;
}

static const char *place(const struct kube_config *c, const char *data, const char *path)
{
    return data || !path ? c->source : path;
}

static int renew_ca(struct auth_files *f, struct err *err)
{
    const struct kube_config *c = f->config;
    size_t count = 0;
    if (!c->ca_data && !c->ca_file) return 0;
    char *ca = read_pem(c->ca_data, c->ca_file, err);
    if (!ca) return -1;
    if (tls_count_certs(ca, &count, err) < 0) {
        free(ca);
        return err_wrap(err, "%s: certificate-authority", place(c, c->ca_data, c->ca_file));
    }
    free(f->ca);
    f->ca = ca;
    f->changes++;
    return 0;
}

static int renew_pair(struct auth_files *f, struct err *err)
{
    const struct kube_config *c = f->config;
    int64_t ends_ms = 0;
    if (!c->cert_data && !c->cert_file) return 0;
    char *cert = read_pem(c->cert_data, c->cert_file, err);
    char *key = cert ? read_pem(c->key_data, c->key_file, err) : NULL;
    int rc = key ? tls_check_pair(cert, key, err) : -1;
    if (rc == 0) rc = tls_cert_not_after(cert, &ends_ms, err);
    if (rc < 0 && key)
        err_wrap(err, "%s: client-certificate", place(c, c->cert_data, c->cert_file));
    if (rc < 0) {
        free(cert);
        tls_forget(key);
        return -1;
    }
    free(f->cert);
    tls_forget(f->key);
    f->cert = cert;
    f->key = key;
    f->cert_ends_ms = ends_ms;
    f->changes++;
    return 0;
}

static bool has_pem_files(const struct kube_config *c)
{
    return (c->ca_file && !c->ca_data) || (c->cert_file && !c->cert_data) ||
           (c->key_file && !c->key_data);
}

/* The two are independent: a broken pair does not keep a new CA out. */
static int renew_pem(struct auth_files *f, int64_t now_ms, struct err *err)
{
    f->pem_read_ms = now_ms;
    int rc = renew_ca(f, err);
    if (renew_pair(f, err) < 0) rc = -1;
    f->pem_due_ms =
        !has_pem_files(f->config) ? INT64_MAX : now_ms + (rc < 0 ? (int)RETRY_MS : (int)PEM_MS);
    return rc;
}

/* --- */

static void note(struct auth_files *f, const struct err *why)
{
    f->failures++;
    f->trouble = *why;
}

static int init_token(struct auth_files *f, int64_t now_ms, struct err *err)
{
    const struct kube_config *c = f->config;
    struct err why;
    f->token_due_ms = INT64_MAX;
    if (c->token && !is_token(c->token)) {
        return err_set(err, ERR_INVALID, "%s: token: has characters that no token has", c->source);
    }
    if (c->token) f->token = xstrdup(c->token);
    if (!c->token_file || renew_token(f, now_ms, &why) == 0) return 0;
    note(f, &why);
    if (c->token) return 0;
    if (err) *err = why;
    return -1;
}

int auth_files_init(struct auth_files *f, const struct kube_config *config, int64_t now_ms,
                    struct err *err)
{
    *f = (struct auth_files){.config = config};
    if (init_token(f, now_ms, err) == 0 && renew_pem(f, now_ms, err) == 0) return 0;
    auth_files_release(f);
    return -1;
}

void auth_files_release(struct auth_files *f)
{
    tls_forget(f->token);
    free(f->ca);
    free(f->cert);
    tls_forget(f->key);
    *f = (struct auth_files){0};
}

static bool is_due(int64_t due_ms, int64_t read_ms, int64_t now_ms, bool force)
{
    if (due_ms == INT64_MAX) return false;
    return now_ms >= due_ms || (force && now_ms - read_ms >= RETRY_MS);
}

void auth_files_refresh(struct auth_files *f, int64_t now_ms, bool force)
{
    struct err why;
    if (is_due(f->token_due_ms, f->token_read_ms, now_ms, force)) {
        if (renew_token(f, now_ms, &why) < 0) note(f, &why);
    }
    if (is_due(f->pem_due_ms, f->pem_read_ms, now_ms, force)) {
        if (renew_pem(f, now_ms, &why) < 0) note(f, &why);
    }
}
