/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks and state files of prepared forms. */
#include "engine/area/base_internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/kv.h"
#include "engine/base/size.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define STATE_MAX 4096
#define POLL_FIRST_US 500
#define POLL_MAX_US 20000

int vzr_boot_id(char out[64], struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 63);

	if (n < 0)
		return vzr_fail_errno(err, "cannot read %s", BOOT_ID);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* ---- state ---- */

static int read_number(const struct vzr_kv *kv, const char *key, uint64_t *ret)
{
	const char *text = vzr_kv_get(kv, key);

	return text ? vzr_parse_uint(text, INT64_MAX, ret) : -VZR_E_CONFIG;
}

static int read_text(const struct vzr_kv *kv, const char *key, char *out, size_t size)
{
	const char *text = vzr_kv_get(kv, key);

	return text && snprintf(out, size, "%s", text) < (int)size ? 0 : -VZR_E_CONFIG;
}

static int read_facts(const struct vzr_kv *kv, const char *hex, struct vzr_base_facts *facts)
{
	char digest[VZR_DIGEST_HEX], xattrs[8];

	if (read_text(kv, "DIGEST", digest, sizeof(digest)) < 0 || strcmp(digest, hex) != 0 ||
	    read_text(kv, "XATTRS", xattrs, sizeof(xattrs)) < 0 ||
	    read_text(kv, "BOOT", facts->boot, sizeof(facts->boot)) < 0 ||
	    read_text(kv, "MANIFEST", facts->manifest, sizeof(facts->manifest)) < 0 ||
	    read_number(kv, "INODES", &facts->inodes) < 0 ||
	    read_number(kv, "BYTES", &facts->bytes) < 0 ||
	    read_number(kv, "KIB", &facts->kib) < 0 ||
	    read_number(kv, "ENTRIES", &facts->entries) < 0)
		return -VZR_E_CONFIG;
	facts->plain = strcmp(xattrs, "no") == 0;
	return 0;
}

int vzr_base_facts_read(int base_fd, const char *hex, struct vzr_base_facts *ret_facts,
			struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = STATE_MAX };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	struct vzr_base_facts facts = { 0 };
	char name[VZR_BASE_NAME];
	struct stat st;
	int r;

	if (fstatat(base_fd, hex, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	snprintf(name, sizeof(name), "%s/state", hex);
	r = vzr_file_read(base_fd, name, &buf, err);
	if (r == 0)
		r = vzr_kv_parse(vzr_buf_cstr(&buf), buf.len, VZR_KV_STRICT, &kv, err);
	if (r < 0)
		return r;
	if (read_facts(&kv, hex, &facts) < 0)
		return vzr_fail(err, -VZR_E_CONFIG, "the prepared form %s has a damaged state file",
				hex);
	*ret_facts = facts;
	return 1;
}

int vzr_base_facts_write(int dir_fd, const char *hex, const struct vzr_base_facts *facts,
			 struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	int r = vzr_buf_printf(&text,
			       "DIGEST=\"%s\"\nINODES=\"%" PRIu64 "\"\nBYTES=\"%" PRIu64
			       "\"\nKIB=\"%" PRIu64 "\"\nENTRIES=\"%" PRIu64
			       "\"\nXATTRS=\"%s\"\nMANIFEST=\"%s\"\nBOOT=\"%s\"\n",
			       hex, facts->inodes, facts->bytes, facts->kib, facts->entries,
			       facts->plain ? "no" : "yes", facts->manifest, facts->boot);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot write the state of a prepared form");
	return vzr_file_put(dir_fd, "state", text.data, text.len, 0600, 0, err);
}

/* ---- locks ---- */

/* Is the descriptor still what the name stands for? Who removes a form takes its lock file away. */
static bool still_named(int base_fd, const char *name, int fd)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 && fstatat(base_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

/* Polled, so that a cancellation is seen: a form takes seconds to make. */
static int wait_for(int fd, int operation, struct vzr_context *ctx, struct vzr_error *err)
{
	unsigned int us = POLL_FIRST_US;
	int r;

	while (flock(fd, operation | LOCK_NB) < 0) {
		const struct timespec pause = { 0, us * 1000L };

		if (errno != EWOULDBLOCK && errno != EINTR)
			return vzr_fail_errno(err, "cannot lock a prepared form");
		if (operation & LOCK_NB)
			return vzr_fail(err, -VZR_E_BUSY, "the prepared form is in use");
		r = vzr_cancelled(ctx, err);
		if (r < 0)
			return r;
		nanosleep(&pause, NULL);
		us = us * 2 < POLL_MAX_US ? us * 2 : POLL_MAX_US;
	}
	return 0;
}

int vzr_base_lock(int base_fd, const char *hex, int operation, struct vzr_context *ctx,
		  struct vzr_error *err)
{
	char name[VZR_BASE_NAME];

	snprintf(name, sizeof(name), "%s.lock", hex);
	for (;;) {
		VZR_AUTO_CLOSE int fd = openat(
			base_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
		int r;

		if (fd < 0)
			return vzr_fail_errno(err, "cannot open lock %s", name);
		r = wait_for(fd, operation, ctx, err);
		if (r < 0)
			return r;
		if (still_named(base_fd, name, fd))
			return vzr_take_fd(fd);
	}
}
