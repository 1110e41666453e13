/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source's trust at work: keyring, pinned keys, and the guard against going back in time. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/base/time.h"

#include <string.h>

#define KEYRING_MAX (4u << 20)
#define SEEN_FILE "seen"

int vzr_intake_verify(void *data, int fd, uint64_t size_bytes, struct vzr_error *err)
{
	struct vzr_intake *intake = data;
	int r = intake->verify ? intake->verify(intake->verify_data, fd, size_bytes, err) : 0;

	if (r >= 0 && intake->options->admit)
		r = intake->options->admit(intake->options->admit_data, fd, intake->record, err);
	intake->admitted = r >= 0;
	return r;
}

static int read_keyring(const struct vzr_source *source, struct vzr_buf *keyring,
			struct vzr_error *err)
{
	const struct vzr_source_conf *conf = &source->conf;
	VZR_AUTO_BUF struct vzr_buf file = { .max = KEYRING_MAX };
	VZR_AUTO_FREE char *path =
		*conf->keyring == '/' ? strdup(conf->keyring)
				      : vzr_path_join(source->options->keys_dir, conf->keyring);
	int r;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot read keyring %s", conf->keyring);
	r = vzr_trusted_read(source->options->root_fd, path, &file, err);
	if (r == -VZR_E_NOT_FOUND)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED, "the keyring %s of source %s is missing",
				path, conf->name);
	if (r == 0)
		r = vzr_dearmor(vzr_buf_cstr(&file), file.len, keyring, err);
	return r < 0 ? vzr_wrap(err, r, "keyring %s", path) : 0;
}

/* Key in the file of times for what was signed: names are hashed, they may hold any byte. */
static int seen_key(const char *subject, char key[VZR_DIGEST_HEX + 8])
{
	char hex[VZR_DIGEST_HEX];
	struct vzr_digest digest;
	int r = vzr_digest_of(VZR_SHA256, subject, strlen(subject), &digest);

	if (r < 0)
		return r;
	snprintf(key, VZR_DIGEST_HEX + 8, "%s%.32s", *subject ? "NAME_" : "INDEX_",
		 vzr_digest_hex(&digest, hex));
	return 0;
}

int vzr_source_newest(const struct vzr_source *source, const char *subject, int64_t *ret_time,
		      struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	char key[VZR_DIGEST_HEX + 8];
	uint64_t seen = 0;
	const char *text;
	int r = seen_key(subject, key);

	if (r == 0)
		r = vzr_memory_read(source, SEEN_FILE, &kv, err);
	if (r < 0)
		return r;
	text = vzr_kv_get(&kv, key);
	*ret_time = text && vzr_parse_uint(text, INT64_MAX, &seen) == 0 ? (int64_t)seen : 0;
	return 0;
}

static int check_rollback(struct vzr_source *source, const struct vzr_source_signature *job,
			  int64_t time, struct vzr_error *err)
{
	char now[VZR_TIME_TEXT], then[VZR_TIME_TEXT];
	int64_t seen;
	int r = vzr_source_newest(source, job->subject, &seen, err);

	if (r < 0 || time >= seen)
		return r;
	vzr_time_text(time, now);
	vzr_time_text(seen, then);
	if (!source->conf.allow_rollback)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s was signed on %s, but one signed on %s was seen before: a "
				"mirror "
				"that lags or an attack; allow_rollback=yes in the source file "
				"accepts it",
				job->what, now, then);
	vzr_warn(source->options->ctx,
		 "source %s: %s was signed on %s, one signed on %s was seen before; accepted "
		 "because "
		 "of allow_rollback=yes",
		 source->conf.name, job->what, now, then);
	return 0;
}

int vzr_source_seen(struct vzr_source *source, const char *subject, int64_t time,
		    struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	char key[VZR_DIGEST_HEX + 8], value[32];
	VZR_AUTO_CLOSE int lock = -1;
	uint64_t newest = 0;
	const char *old;
	int r = seen_key(subject, key);

	if (r == 0)
		r = vzr_memory_lock(source, &lock, err);
	if (r < 0 || lock < 0)
		return r;
	r = vzr_memory_read(source, SEEN_FILE, &kv, err);
	if (r < 0)
		return r;
	snprintf(value, sizeof(value), "%lld", (long long)time);
	old = vzr_kv_get(&kv, key);
	/* What was accepted although it is older does not lower the guard. */
	if (old && vzr_parse_uint(old, INT64_MAX, &newest) == 0 && (int64_t)newest >= time)
		return 0;
	r = vzr_kv_set(&kv, key, value, err);
	return r < 0 ? r : vzr_memory_write(source, SEEN_FILE, &kv, err);
}

int vzr_source_verify(struct vzr_source *source, const struct vzr_source_signature *job,
		      struct vzr_signed_by *ret_by, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf keyring = { .max = KEYRING_MAX };
	struct vzr_signature_policy policy = { .fingerprints = &source->conf.fingerprints,
					       .weak_digests = source->conf.weak_digests,
					       .now = vzr_now() };
	struct vzr_signature_job run = { .what = job->what,
					 .data_fd = job->data_fd,
					 .signature = job->signature,
					 .keyring = &keyring };
	struct vzr_signed_by by;
	int r = read_keyring(source, &keyring, err);

	if (r == 0)
		r = vzr_signature_verify(&run, &policy, &by, err);
	if (r == 0)
		r = check_rollback(source, job, by.time, err);
	if (r < 0)
		return r;
	*ret_by = by;
	return 0;
}

char *vzr_signed_text(const struct vzr_source *source, const struct vzr_signed_by *signed_by)
{
	char time[VZR_TIME_TEXT], *text = NULL;

	vzr_time_text(signed_by->time, time);
	if (asprintf(&text, "signed on %s by the pinned key %s of source %s%s", time,
		     signed_by->fingerprint, source->conf.name,
		     signed_by->weak ? ", over a forgeable SHA-1 digest that its file allows "
				       "with " VZR_WEAK_MARK
				     : "") < 0)
		return NULL;
	return text;
}
