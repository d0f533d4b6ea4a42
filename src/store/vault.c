/*
 * Copyright (C) The Pharos Authors
 *
 * Vault: see vault.h.
 *
 * Nonces.  GCM must never see one twice under a key.  A nonce is 64 random
 * bits, drawn when a vault is opened and again each 2^32 records, and a
 * counter of 32.  So within a process none repeats; between processes, and
 * between a store and what was made of its backup, two would have to draw
 * the same 64 bits: after a million openings that has a chance of 3 in 10^8.
 *
 * The key of the file is used for nothing but deriving others, one for each
 * purpose.
 */

#include "store/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/bytes.h"


#define PHR_VAULT_DIGEST  32
#define PHR_VAULT_PREFIX  8


struct phr_vault_s {
    uint8_t   seal_key[PHR_VAULT_DIGEST];
    uint8_t   hash_key[PHR_VAULT_DIGEST];
    uint8_t   id[PHR_VAULT_DIGEST];

    /* of the thread that seals */
    uint8_t   prefix[PHR_VAULT_PREFIX];
    uint32_t  count;
    uint8_t   drawn;
};

struct phr_vault_worker_s {
    phr_vault_t     *vault;
    EVP_CIPHER_CTX  *seal;      /* NULL until one is needed */
    EVP_CIPHER_CTX  *open;
};


static int phr_vault_key_parse(const char *text, size_t n,
    uint8_t key[PHR_VAULT_KEY]);
static int phr_vault_digit(char c);
static int phr_vault_derive(const uint8_t key[PHR_VAULT_KEY],
    const char *purpose, uint8_t out[PHR_VAULT_DIGEST]);
static int phr_vault_nonce(phr_vault_t *v, uint8_t nonce[PHR_VAULT_NONCE]);
static EVP_CIPHER_CTX *phr_vault_context(const phr_vault_t *v, int seal);


int
phr_vault_key_read(const char *path, uint8_t key[PHR_VAULT_KEY],
    phr_err_t *err)
{
    int          fd, rc;
    char         text[2 * PHR_VAULT_KEY + 3];
    ssize_t      n;
    struct stat  info;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == -1) {
        return phr_err_set(err, PHR_EIO, "open() \"%s\" failed: %s", path,
                           strerror(errno));
    }

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        rc = phr_err_set(err, PHR_EINVAL, "\"%s\" is no file", path);
        goto done;
    }

    if (info.st_mode & S_IRWXO) {
        rc = phr_err_set(err, PHR_EINVAL, "\"%s\" may be read or written by "
                         "others: its mode is %04o, 0600 would do", path,
                         (unsigned) info.st_mode & 07777);
        goto done;
    }

    n = read(fd, text, sizeof(text));

    if (n < 0) {
        rc = phr_err_set(err, PHR_EIO, "read() \"%s\" failed: %s", path,
                         strerror(errno));
        goto done;
    }

    rc = phr_vault_key_parse(text, (size_t) n, key);

    if (rc != PHR_OK) {
        phr_err_set(err, rc, "\"%s\" has no key: 32 bytes, or 64 "
                    "hexadecimal digits, are needed", path);
    }

done:

    OPENSSL_cleanse(text, sizeof(text));
    (void) close(fd);

    return rc;
}


/* a file that is longer fills the room, and is none */
static int
phr_vault_key_parse(const char *text, size_t n, uint8_t key[PHR_VAULT_KEY])
{
    int     high, low;
    size_t  i;

    if (n == PHR_VAULT_KEY) {
        memcpy(key, text, n);
        return PHR_OK;
    }

    while (n > 2 * PHR_VAULT_KEY
           && (text[n - 1] == '\n' || text[n - 1] == '\r'))
    {
        n--;
    }

    if (n != 2 * PHR_VAULT_KEY) {
        return PHR_EINVAL;
    }

    for (i = 0; i < PHR_VAULT_KEY; i++) {
        high = phr_vault_digit(text[2 * i]);
        low = phr_vault_digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return PHR_EINVAL;
        }

        key[i] = (uint8_t) (high << 4 | low);
    }

    return PHR_OK;
}


static int
phr_vault_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


int
phr_vault_create(const uint8_t key[PHR_VAULT_KEY], phr_vault_t **out,
    phr_err_t *err)
{
    phr_vault_t  *v;

    v = phr_calloc(1, sizeof(phr_vault_t));
    if (v == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    if (phr_vault_derive(key, "pharos store 2: records", v->seal_key)
        != PHR_OK
        || phr_vault_derive(key, "pharos store 2: strings", v->hash_key)
           != PHR_OK
        || phr_vault_derive(key, "pharos store 2: id", v->id) != PHR_OK)
    {
        phr_vault_destroy(v);
        return phr_err_set(err, PHR_ERROR, "HMAC() failed");
    }

    *out = v;

    return PHR_OK;
}


int
phr_vault_copy(const phr_vault_t *v, phr_vault_t **out, phr_err_t *err)
{
    phr_vault_t  *copy;

    copy = phr_malloc(sizeof(phr_vault_t));
    if (copy == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    /* its nonces are its own */

    *copy = *v;
    copy->drawn = 0;
    *out = copy;

    return PHR_OK;
}


void
phr_vault_destroy(phr_vault_t *v)
{
    if (v == NULL) {
        return;
    }

    OPENSSL_cleanse(v, sizeof(phr_vault_t));
    phr_free(v);
}


const uint8_t *
phr_vault_id(const phr_vault_t *v)
{
    return v->id;
}


static int
phr_vault_derive(const uint8_t key[PHR_VAULT_KEY], const char *purpose,
    uint8_t out[PHR_VAULT_DIGEST])
{
    unsigned  n;

    n = PHR_VAULT_DIGEST;

    return HMAC(EVP_sha256(), key, PHR_VAULT_KEY, (const uint8_t *) purpose,
                strlen(purpose), out, &n) != NULL
           && n == PHR_VAULT_DIGEST ? PHR_OK : PHR_ERROR;
}


/*
 * Two rounds, so that nothing is allocated for what is hashed.  Should the
 * library fail, all strings are the same to it: what they name is compared
 * in full wherever it is found.
 */
uint64_t
phr_vault_hash(const phr_vault_t *v, uint32_t domain, uint32_t id,
    phr_str_t s)
{
    uint8_t   inner[8 + PHR_VAULT_DIGEST], out[PHR_VAULT_DIGEST];
    unsigned  n;

    memset(inner, 0, sizeof(inner));
    memset(out, 0, sizeof(out));
    phr_put_be32(inner, domain);
    phr_put_be32(inner + 4, id);

    n = PHR_VAULT_DIGEST;
    (void) HMAC(EVP_sha256(), v->hash_key, PHR_VAULT_DIGEST,
                (const uint8_t *) (s.data ? s.data : ""), s.len, inner + 8,
                &n);

    n = PHR_VAULT_DIGEST;
    (void) HMAC(EVP_sha256(), v->hash_key, PHR_VAULT_DIGEST, inner,
                sizeof(inner), out, &n);

    return phr_get_be64(out);
}


int
phr_vault_worker_create(phr_vault_t *v, phr_vault_worker_t **out,
    phr_err_t *err)
{
    phr_vault_worker_t  *w;

    w = phr_calloc(1, sizeof(phr_vault_worker_t));
    if (w == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    w->vault = v;
    w->open = phr_vault_context(v, 0);

    if (w->open == NULL) {
        phr_vault_worker_destroy(w);
        return phr_err_set(err, PHR_ENOMEM, "EVP_DecryptInit_ex() failed");
    }

    *out = w;

    return PHR_OK;
}


void
phr_vault_worker_destroy(phr_vault_worker_t *w)
{
    if (w == NULL) {
        return;
    }

    EVP_CIPHER_CTX_free(w->seal);
    EVP_CIPHER_CTX_free(w->open);
    phr_free(w);
}


static EVP_CIPHER_CTX *
phr_vault_context(const phr_vault_t *v, int seal)
{
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NULL;
    }

    if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, v->seal_key, NULL,
                          seal)
        != 1)
    {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


static int
phr_vault_nonce(phr_vault_t *v, uint8_t nonce[PHR_VAULT_NONCE])
{
    if (!v->drawn || v->count == UINT32_MAX) {

        if (RAND_bytes(v->prefix, PHR_VAULT_PREFIX) != 1) {
            return PHR_ERROR;
        }

        v->drawn = 1;
        v->count = 0;
    }

    memcpy(nonce, v->prefix, PHR_VAULT_PREFIX);
    phr_put_be32(nonce + PHR_VAULT_PREFIX, v->count++);

    return PHR_OK;
}


int
phr_vault_seal(phr_vault_worker_t *w, uint8_t db, phr_str_t key,
    const void *text, size_t len, uint8_t *out, phr_err_t *err)
{
    int              n;
    EVP_CIPHER_CTX  *ctx;

    if (w->seal == NULL) {
        w->seal = phr_vault_context(w->vault, 1);
        if (w->seal == NULL) {
            return phr_err_set(err, PHR_ENOMEM,
                               "EVP_EncryptInit_ex() failed");
        }
    }

    ctx = w->seal;

    if (phr_vault_nonce(w->vault, out) != PHR_OK) {
        return phr_err_set(err, PHR_ERROR, "RAND_bytes() failed");
    }

    if (EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, out) != 1
        || EVP_EncryptUpdate(ctx, NULL, &n, &db, 1) != 1
        || EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *) key.data,
                             (int) key.len) != 1
        || EVP_EncryptUpdate(ctx, out + PHR_VAULT_NONCE, &n, text,
                             (int) len) != 1
        || EVP_EncryptFinal_ex(ctx, out + PHR_VAULT_NONCE + n, &n) != 1
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, PHR_VAULT_TAG,
                               out + PHR_VAULT_NONCE + len) != 1)
    {
        return phr_err_set(err, PHR_ERROR, "encryption of a record failed");
    }

    return PHR_OK;
}


int
phr_vault_open(phr_vault_worker_t *w, uint8_t db, phr_str_t key,
    const uint8_t *sealed, size_t len, uint8_t *out)
{
    int              n;
    size_t           text;
    EVP_CIPHER_CTX  *ctx;

    if (len < PHR_VAULT_OVERHEAD) {
        return PHR_ECORRUPT;
    }

    ctx = w->open;
    text = len - PHR_VAULT_OVERHEAD;

    if (EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, sealed) != 1
        || EVP_DecryptUpdate(ctx, NULL, &n, &db, 1) != 1
        || EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *) key.data,
                             (int) key.len) != 1
        || EVP_DecryptUpdate(ctx, out, &n, sealed + PHR_VAULT_NONCE,
                             (int) text) != 1
        || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, PHR_VAULT_TAG,
                               (void *) (sealed + len - PHR_VAULT_TAG)) != 1
        || EVP_DecryptFinal_ex(ctx, out + n, &n) != 1)
    {
        return PHR_ECORRUPT;
    }

    return PHR_OK;
}
