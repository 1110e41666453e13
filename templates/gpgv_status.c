/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The acceptance rule over gpgv's status lines. gpgv's exit status alone says nothing: it is 0 for
 * expired and revoked keys, for SHA-1 and for signatures from the future.
 */
#include "templates/signature.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"
#include "engine/base/time.h"

#include <ctype.h>
#include <string.h>

#define PREFIX "[GNUPG:] "
#define FIELDS 12
#define DAY 86400

/* OpenPGP numbers of hash algorithms (RFC 4880, 9.4). */
enum { HASH_SHA1 = 2, HASH_RIPEMD = 3, HASH_SHA256 = 8, HASH_SHA384 = 9, HASH_SHA512 = 10 };

struct status {
	unsigned int newsig, goodsig, validsig;
	bool nodata, badsig, errsig, expsig, expkey, revkey, nopubkey, error;
	char key_id[VZR_FINGERPRINT_MAX]; /* of the first line that names one */
	char error_text[64];
	uint64_t err_time, err_hash; /* of ERRSIG */
	char fingerprint[VZR_FINGERPRINT_MAX], primary[VZR_FINGERPRINT_MAX];
	uint64_t time, hash; /* of VALIDSIG */
};

static void copy_key(char out[VZR_FINGERPRINT_MAX], const char *text)
{
	size_t n = 0;

	while (n < VZR_FINGERPRINT_MAX - 1 && isxdigit((unsigned char)text[n])) {
		out[n] = (char)toupper((unsigned char)text[n]);
		n++;
	}
	out[n] = '\0';
}

static uint64_t number(const char *text)
{
	uint64_t value = 0;

	return vzr_parse_uint(text, INT64_MAX, &value) < 0 ? INT64_MAX : value;
}

static void read_validsig(struct status *status, char **fields, size_t n)
{
	/*
	 * VALIDSIG fingerprint date time expires version reserved pubkey-algo hash-algo class
	 * primary-fingerprint
	 */
	status->validsig++;
	if (n < 11)
		return;
	copy_key(status->fingerprint, fields[1]);
	copy_key(status->primary, fields[10]);
	status->time = number(fields[3]);
	status->hash = number(fields[8]);
}

/* Lines whose first argument is the id of the signing key. */
static bool names_key(const char *word)
{
	static const char *const words[] = { "GOODSIG",	  "BADSIG",    "ERRSIG",   "EXPSIG",
					     "EXPKEYSIG", "REVKEYSIG", "NO_PUBKEY" };

	for (size_t i = 0; i < VZR_COUNT(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

static void read_line(struct status *status, char *line)
{
	char *fields[FIELDS], *save = NULL;
	const char *word;
	size_t n = 0;

	for (char *p = strtok_r(line, " ", &save); p && n < FIELDS; p = strtok_r(NULL, " ", &save))
		fields[n++] = p;
	if (n == 0)
		return;
	word = fields[0];
	if (strcmp(word, "NEWSIG") == 0) {
		status->newsig++;
	} else if (strcmp(word, "VALIDSIG") == 0) {
		read_validsig(status, fields, n);
	} else if (strcmp(word, "GOODSIG") == 0) {
		status->goodsig++;
	} else if (strcmp(word, "ERRSIG") == 0) {
		/* ERRSIG keyid pubkey-algo hash-algo class time rc [fingerprint] */
		status->errsig = true;
		status->err_hash = n > 3 ? number(fields[3]) : 0;
		status->err_time = n > 5 ? number(fields[5]) : 0;
	}
	status->badsig |= strcmp(word, "BADSIG") == 0;
	status->expsig |= strcmp(word, "EXPSIG") == 0;
	status->expkey |= strcmp(word, "EXPKEYSIG") == 0;
	status->revkey |= strcmp(word, "REVKEYSIG") == 0;
	status->nopubkey |= strcmp(word, "NO_PUBKEY") == 0;
	status->nodata |= strcmp(word, "NODATA") == 0;
	if (strcmp(word, "ERROR") == 0 || strcmp(word, "FAILURE") == 0) {
		status->error = true;
		snprintf(status->error_text, sizeof(status->error_text), "%s %s",
			 n > 1 ? fields[1] : "", n > 2 ? fields[2] : "");
	}
	if (n > 1 && !status->key_id[0] && names_key(word))
		copy_key(status->key_id, fields[1]);
}

static int read_status(const char *text, struct status *status)
{
	VZR_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		if (strncmp(p, PREFIX, strlen(PREFIX)) == 0)
			read_line(status, p + strlen(PREFIX));
	return 0;
}

static bool pinned(const struct vzr_list *fingerprints, const struct status *status)
{
	for (size_t i = 0; fingerprints && i < fingerprints->count; i++) {
		const char *pin = fingerprints->items[i];

		if (strcmp(pin, status->primary) == 0 || strcmp(pin, status->fingerprint) == 0)
			return true;
	}
	return false;
}

static int refuse_future(const char *what, uint64_t time, int64_t now, struct vzr_error *err)
{
	char signed_at[VZR_TIME_TEXT], clock[VZR_TIME_TEXT];

	return vzr_fail(err, -VZR_E_SIGNATURE,
			"the signature of %s is from the future (%s; it is %s here): check the "
			"system clock",
			what, vzr_time_text((int64_t)time, signed_at), vzr_time_text(now, clock));
}

static bool is_future(uint64_t time, int64_t now)
{
	return time > (uint64_t)(now < 0 ? 0 : now) + DAY;
}

static bool strong(uint64_t hash)
{
	return hash == HASH_SHA256 || hash == HASH_SHA384 || hash == HASH_SHA512;
}

static const char *hash_name(uint64_t hash)
{
	return hash == 1	     ? "MD5"
	       : hash == HASH_SHA1   ? "SHA-1"
	       : hash == HASH_RIPEMD ? "RIPEMD-160"
				     : "a weak";
}

/* What gpgv itself found wrong. */
static int judge_faults(const char *what, const struct status *s, int64_t now,
			struct vzr_error *err)
{
	char clock[VZR_TIME_TEXT];
	const int code = -VZR_E_SIGNATURE;

	if (s->newsig > 1)
		return vzr_fail(err, code,
				"%s carries %u signatures; exactly one by a pinned key is accepted",
				what, s->newsig);
	if (s->errsig && is_future(s->err_time, now))
		return refuse_future(what, s->err_time, now, err);
	if (s->revkey)
		return vzr_fail(err, code, "the signature of %s is by key %s, which is revoked",
				what, s->key_id);
	if (s->expkey)
		return vzr_fail(err, code,
				"the signature of %s is by key %s, which has expired (it is %s "
				"here): get the publisher's renewed key",
				what, s->key_id, vzr_time_text(now, clock));
	if (s->expsig)
		return vzr_fail(err, code,
				"the signature of %s by key %s has expired (it is %s here)", what,
				s->key_id, vzr_time_text(now, clock));
	if (s->nopubkey)
		return vzr_fail(err, code,
				"the signature of %s is by the unknown key %s, which is not in the "
				"source's keyring",
				what, s->key_id);
	if (s->badsig)
		return vzr_fail(err, code,
				"bad signature: %s is not what key %s signed (it was changed, or "
				"signature and file do not belong together)",
				what, s->key_id);
	if (s->errsig && s->err_hash && !strong(s->err_hash))
		return vzr_fail(err, code,
				"the signature of %s is over %s digest, which is refused", what,
				hash_name(s->err_hash));
	if (s->nodata)
		return vzr_fail(err, code, "the signature of %s holds no signature", what);
	if (s->errsig || s->error)
		return vzr_fail(err, code, "the signature of %s cannot be checked: gpgv says %s",
				what, s->error_text[0] ? s->error_text : "that it is broken");
	return 0;
}

int vzr_gpgv_judge(const char *what, const char *status, int exit_status,
		   const struct vzr_signature_policy *policy, struct vzr_signed_by *ret_by,
		   struct vzr_error *err)
{
	struct status s = { 0 };
	const int code = -VZR_E_SIGNATURE;
	int r = read_status(status, &s);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot check the signature of %s", what);
	r = judge_faults(what, &s, policy->now, err);
	if (r < 0)
		return r;
	if (exit_status != 0 || s.newsig != 1 || s.goodsig != 1 || s.validsig != 1 || !s.primary[0])
		return vzr_fail(err, code, "the signature of %s is not good: gpgv ended with %d",
				what, exit_status);
	if (!pinned(policy->fingerprints, &s))
		return vzr_fail(err, code,
				"the signature of %s is by key %s, which is in the keyring but not "
				"pinned: add it to fingerprints= if you trust it",
				what, s.primary);
	if (!strong(s.hash) && !(policy->weak_digests && s.hash == HASH_SHA1))
		return vzr_fail(err, code,
				"the signature of %s by key %s is over %s digest, which can be "
				"forged%s",
				what, s.primary, hash_name(s.hash),
				s.hash == HASH_SHA1
					? ": weak_digests=yes in the source file allows "
					  "it nevertheless"
					: "");
	if (is_future(s.time, policy->now))
		return refuse_future(what, s.time, policy->now, err);
	*ret_by = (struct vzr_signed_by){ .time = (int64_t)s.time, .weak = !strong(s.hash) };
	copy_key(ret_by->fingerprint, s.primary);
	return 0;
}
