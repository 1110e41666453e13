/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deferred attributes of directories. */
#include "engine/unpack/late.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/unpack/attr.h"
#include "engine/unpack/text.h"

#include <fcntl.h>
#include <string.h>

#define BUFFER ((size_t)1 << 20)

struct record {
	int64_t seconds;
	uint32_t ns;
	uint16_t path_len;
	uint16_t acl_len;
};

struct vzr_late {
	int tree_fd;
	int spill_fd; /* -1: nothing was written yet */
	uint64_t spilled;
	bool removed;
	struct vzr_buf buf;
};

int vzr_late_new(int tree_fd, struct vzr_late **ret_late, struct vzr_error *err)
{
	struct vzr_late *late = calloc(1, sizeof(*late));

	if (!late)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	late->tree_fd = tree_fd;
	late->spill_fd = -1;
	late->buf.max = BUFFER + sizeof(struct record) + VZR_MEMBER_PATH_MAX + UINT16_MAX + 1;
	*ret_late = late;
	return 0;
}

void vzr_late_free(struct vzr_late *late)
{
	if (!late)
		return;
	if (late->spill_fd >= 0)
		close(late->spill_fd);
	vzr_buf_done(&late->buf);
	free(late);
}

void vzr_late_removed(struct vzr_late *late)
{
	late->removed = true;
}

static int open_spill(struct vzr_late *late, struct vzr_error *err)
{
	static const char name[] = ".vzroot-unpack-directories";
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;

	late->spill_fd = openat(late->tree_fd, ".", O_TMPFILE | flags, 0600);
	if (late->spill_fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return vzr_fail_errno(err, "cannot note the attributes of directories");
	late->spill_fd = openat(late->tree_fd, name, O_CREAT | O_EXCL | flags, 0600);
	if (late->spill_fd < 0 || unlinkat(late->tree_fd, name, 0) < 0)
		return vzr_fail_errno(err, "cannot note the attributes of directories");
	return 0;
}

static int spill(struct vzr_late *late, struct vzr_error *err)
{
	int r = late->spill_fd < 0 ? open_spill(late, err) : 0;

	if (r < 0)
		return r;
	r = vzr_write_all(late->spill_fd, late->buf.data, late->buf.len);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot note the attributes of directories");
	late->spilled += late->buf.len;
	late->buf.len = 0;
	return 0;
}

int vzr_late_add(struct vzr_late *late, const struct vzr_member *member, struct vzr_error *err)
{
	struct record record = {
		.seconds = member->mtime.tv_sec,
		.ns = (uint32_t)member->mtime.tv_nsec,
		.path_len = (uint16_t)strlen(member->path),
		.acl_len = (uint16_t)member->acl_default.len,
	};
	int r = vzr_buf_add(&late->buf, &record, sizeof(record));

	if (r == 0)
		r = vzr_buf_add(&late->buf, member->path, record.path_len);
	if (r == 0 && record.acl_len)
		r = vzr_buf_add(&late->buf, member->acl_default.data, record.acl_len);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot note the attributes of a directory");
	return late->buf.len >= BUFFER ? spill(late, err) : 0;
}

static int apply_to(int fd, const struct record *record, const char *path, const char *acl,
		    struct vzr_left_out *left_out, struct vzr_error *err)
{
	struct timespec mtime = {.tv_sec = record->seconds, .tv_nsec = record->ns};
	struct stat st;
	int r = 0;

	if (record->acl_len)
		r = vzr_attr_set_xattr(fd, "system.posix_acl_default", acl, record->acl_len, err);
	if (r == 0)
		r = vzr_attr_set_time(fd, &mtime, &st, err);
	if (r > 0)
		vzr_left_out_add(left_out, VZR_LEFT_TIME, path, "");
	return r < 0 ? r : 0;
}

static int apply_one(struct vzr_late *late, const struct record *record, const char *data,
		     struct vzr_left_out *left_out, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	char path[VZR_MEMBER_PATH_MAX + 1], name[VZR_BRIEF];
	int r;

	memcpy(path, data, record->path_len);
	path[record->path_len] = '\0';
	fd = path[0] ? vzr_open_beneath(late->tree_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
		     : openat(late->tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int code = path[0] ? fd : -errno;

		if (late->removed && (code == -ENOENT || code == -ENOTDIR || code == -ELOOP))
			return 0;
		return vzr_fail_code(err, code, "cannot open directory '%s'",
				     vzr_brief(path, name));
	}
	r = apply_to(fd, record, path, data + record->path_len, left_out, err);
	return r < 0 ? vzr_wrap(err, r, "directory '%s'", vzr_brief(path, name)) : 0;
}

/* Applies the whole records in buf and keeps the beginning of the next one. */
static int apply_buffer(struct vzr_late *late, struct vzr_left_out *left_out, struct vzr_error *err)
{
	size_t pos = 0;

	while (late->buf.len - pos >= sizeof(struct record)) {
		struct record record;
		size_t need;
		int r;

		memcpy(&record, late->buf.data + pos, sizeof(record));
		need = sizeof(record) + record.path_len + record.acl_len;
		if (late->buf.len - pos < need)
			break;
		r = apply_one(late, &record, late->buf.data + pos + sizeof(record), left_out, err);
		if (r < 0)
			return r;
		pos += need;
	}
	memmove(late->buf.data, late->buf.data + pos, late->buf.len - pos);
	late->buf.len -= pos;
	return 0;
}

int vzr_late_apply(struct vzr_late *late, struct vzr_left_out *left_out, struct vzr_error *err)
{
	uint64_t at = 0;
	int r = 0;

	if (late->buf.len == 0 && late->spill_fd < 0)
		return 0;
	if (late->spill_fd < 0)
		return apply_buffer(late, left_out, err);
	if (late->buf.len > 0)
		r = spill(late, err);
	while (r == 0 && at < late->spilled) {
		ssize_t n;

		r = vzr_buf_reserve(&late->buf, BUFFER - late->buf.len);
		if (r < 0)
			return vzr_fail_code(err, r, "cannot read the attributes of directories");
		n = pread(late->spill_fd, late->buf.data + late->buf.len, BUFFER - late->buf.len,
			  (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return vzr_fail_code(err, n ? -errno : -EIO,
					     "cannot read the attributes of directories");
		at += (uint64_t)n;
		late->buf.len += (size_t)n;
		r = apply_buffer(late, left_out, err);
	}
	return r;
}
