/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of src/store/vault.c: what is sealed opens in its own place alone,
 * with its own key alone, and only as it was written; no nonce comes twice.
 */

#include <stdlib.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "store/vault.h"
#include "tap.h"


#define NSEALED  20000
#define SIZE     100


static int
cmp(const void *a, const void *b)
{
    return memcmp(a, b, PHR_VAULT_NONCE);
}


static phr_vault_t *
vault(uint8_t first)
{
    uint8_t       key[PHR_VAULT_KEY] = { 1, 2, 3 };
    phr_err_t     err;
    phr_vault_t  *v;

    key[0] = first;
    v = NULL;

    if (phr_vault_create(key, &v, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }

    return v;
}


static void
test_places(phr_vault_worker_t *w, phr_vault_worker_t *other)
{
    size_t     i, bit, len, opened;
    uint8_t    text[SIZE], sealed[SIZE + PHR_VAULT_OVERHEAD], out[SIZE];
    phr_err_t  err;
    phr_str_t  key;

    key = phr_str_of("a key");

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t) (i * 7);
    }

    for (len = 0; len <= sizeof(text); len += 25) {
        memset(out, 0xa5, sizeof(out));
        ok(phr_vault_seal(w, 3, key, text, len, sealed, &err) == PHR_OK
           && phr_vault_open(w, 3, key, sealed, len + PHR_VAULT_OVERHEAD,
                             out) == PHR_OK
           && memcmp(out, text, len) == 0, "%d bytes", (int) len);
    }

    len = sizeof(sealed);

    is_int(phr_vault_open(w, 4, key, sealed, len, out), PHR_ECORRUPT,
           "not in another sub-database");
    is_int(phr_vault_open(w, 3, phr_str_of("a kez"), sealed, len, out),
           PHR_ECORRUPT, "nor under another key");
    is_int(phr_vault_open(other, 3, key, sealed, len, out), PHR_ECORRUPT,
           "nor in another vault");

    opened = 0;

    for (bit = 0; bit < len * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
        opened += phr_vault_open(w, 3, key, sealed, len, out) == PHR_OK;
        sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    for (i = 0; i < len; i++) {
        opened += phr_vault_open(w, 3, key, sealed, i, out) == PHR_OK;
    }

    is_int((long) opened, 0, "nor with a bit changed, or cut short");
    is_int(phr_vault_open(w, 3, key, sealed, len, out), PHR_OK,
           "and as it was, it does");
}


static void
test_nonces(phr_vault_t *v)
{
    size_t               i, equal;
    uint8_t             *sealed;
    phr_err_t            err;
    phr_vault_t         *copy;
    phr_vault_worker_t  *w[2];

    sealed = malloc(NSEALED * PHR_VAULT_OVERHEAD);

    if (sealed == NULL || phr_vault_copy(v, &copy, &err) != PHR_OK
        || phr_vault_worker_create(v, &w[0], &err) != PHR_OK
        || phr_vault_worker_create(copy, &w[1], &err) != PHR_OK)
    {
        printf("Bail out! no memory\n");
        exit(1);
    }

    equal = 0;

    for (i = 0; i < NSEALED; i++) {
        equal += phr_vault_seal(w[i % 2], 0, phr_str_of(""), "", 0,
                                sealed + i * PHR_VAULT_OVERHEAD, &err)
                 != PHR_OK;
    }

    qsort(sealed, NSEALED, PHR_VAULT_OVERHEAD, cmp);

    for (i = 1; i < NSEALED; i++) {
        equal += memcmp(sealed + (i - 1) * PHR_VAULT_OVERHEAD,
                        sealed + i * PHR_VAULT_OVERHEAD, PHR_VAULT_NONCE)
                 == 0;
    }

    is_int((long) equal, 0, "no two of %d nonces are the same", NSEALED);

    phr_vault_worker_destroy(w[0]);
    phr_vault_worker_destroy(w[1]);
    phr_vault_destroy(copy);
    free(sealed);
}


static void
test_hash(phr_vault_t *v, phr_vault_t *other)
{
    uint64_t   h;
    phr_str_t  s;

    s = phr_str_of("production");
    h = phr_vault_hash(v, 1, 2, s);

    ok(h == phr_vault_hash(v, 1, 2, s), "a string has one hash");
    ok(h != phr_vault_hash(v, 2, 2, s), "another elsewhere");
    ok(h != phr_vault_hash(v, 1, 3, s), "or under another id");
    ok(h != phr_vault_hash(other, 1, 2, s), "or with another key");
    ok(h != phr_xxh64(s.data, s.len), "and none that anybody can compute");
    ok(memcmp(phr_vault_id(v), phr_vault_id(other), PHR_VAULT_ID) != 0,
       "keys are told apart");
}


int
main(void)
{
    phr_err_t            err;
    phr_vault_t         *v, *other;
    phr_vault_worker_t  *w, *w2;

    v = vault(1);
    other = vault(2);

    if (phr_vault_worker_create(v, &w, &err) != PHR_OK
        || phr_vault_worker_create(other, &w2, &err) != PHR_OK)
    {
        printf("Bail out! %s\n", err.text);
        return 1;
    }

    test_places(w, w2);
    test_nonces(v);
    test_hash(v, other);

    phr_vault_worker_destroy(w);
    phr_vault_worker_destroy(w2);
    phr_vault_destroy(v);
    phr_vault_destroy(other);

    return done_testing();
}
