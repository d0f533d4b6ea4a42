/*
 * Copyright (C) The Pharos Authors
 *
 * Vault: the key of an encrypted store and what is done with it: records
 * are sealed with AES-256-GCM, and strings that would stand in keys are
 * replaced by a keyed hash.  The only file that knows OpenSSL; what is
 * sealed, and where it stands, is not known here.
 *
 * A sealed record:
 *
 *     nonce:96  ciphertext, as long as the text  tag:128
 */

#ifndef PHR_VAULT_H_INCLUDED
#define PHR_VAULT_H_INCLUDED


#include "core/err.h"


#define PHR_VAULT_KEY       32
#define PHR_VAULT_ID        16
#define PHR_VAULT_NONCE     12
#define PHR_VAULT_TAG       16
#define PHR_VAULT_OVERHEAD  (PHR_VAULT_NONCE + PHR_VAULT_TAG)


typedef struct phr_vault_s         phr_vault_t;
typedef struct phr_vault_worker_s  phr_vault_worker_t;


/*
 * Reads a key of 32 bytes, or 64 hexadecimal digits, out of a file that
 * others than its owner and group cannot read.  PHR_EINVAL, PHR_EIO.
 */
int phr_vault_key_read(const char *path, uint8_t key[PHR_VAULT_KEY],
    phr_err_t *err);

/* PHR_ENOMEM, or PHR_ERROR if the library fails */
int phr_vault_create(const uint8_t key[PHR_VAULT_KEY], phr_vault_t **v,
    phr_err_t *err);
int phr_vault_copy(const phr_vault_t *v, phr_vault_t **copy, phr_err_t *err);
void phr_vault_destroy(phr_vault_t *v);             /* v may be NULL */

/* tells keys apart, and nothing about them */
const uint8_t *phr_vault_id(const phr_vault_t *v);

/* what nobody without the key can compute; any thread */
uint64_t phr_vault_hash(const phr_vault_t *v, uint32_t domain, uint32_t id,
    phr_str_t s);


/* what one thread seals and opens with; w may be NULL in destroy */
int phr_vault_worker_create(phr_vault_t *v, phr_vault_worker_t **w,
    phr_err_t *err);
void phr_vault_worker_destroy(phr_vault_worker_t *w);

/*
 * Seals len bytes into out, len + PHR_VAULT_OVERHEAD bytes, bound to "db"
 * and the key of the record.  Only one thread at a time seals with a vault.
 */
int phr_vault_seal(phr_vault_worker_t *w, uint8_t db, phr_str_t key,
    const void *text, size_t len, uint8_t *out, phr_err_t *err);

/*
 * Opens a sealed record of len bytes into out, len - PHR_VAULT_OVERHEAD.
 * PHR_ECORRUPT if it is not what was sealed, with this key, in this place.
 */
int phr_vault_open(phr_vault_worker_t *w, uint8_t db, phr_str_t key,
    const uint8_t *sealed, size_t len, uint8_t *out);


#endif /* PHR_VAULT_H_INCLUDED */
