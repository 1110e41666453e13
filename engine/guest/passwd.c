/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names to ids by the guest's own passwd and group files, which may say and be anything. */
#include "engine/guest/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define ID_MAX (UINT32_MAX - 1) /* (uid_t)-1 means "leave alone" to chown(2) */

/* Number @index of the fields between colons of a line; false if there are not so many. */
static bool find_field(const char *line, size_t len, unsigned int index, const char **ret_field,
		       size_t *ret_len)
{
	const char *end = line + len;

	for (;;) {
		const char *colon = memchr(line, ':', (size_t)(end - line));
		const char *stop = colon ? colon : end;

		if (index == 0) {
			*ret_field = line;
			*ret_len = (size_t)(stop - line);
			return true;
		}
		if (!colon)
			return false;
		line = colon + 1;
		index--;
	}
}

static bool parse_id(const char *field, size_t len, uint32_t *ret_id)
{
	char text[16];
	uint64_t value;

	if (len == 0 || len >= sizeof(text) || memchr(field, '\0', len))
		return false;
	memcpy(text, field, len);
	text[len] = '\0';
	if (vzr_parse_uint(text, ID_MAX, &value) < 0)
		return false;
	*ret_id = (uint32_t)value;
	return true;
}

int vzr_guest_parse_id(const char *text, size_t len, const char *name, bool is_group,
		       uint32_t *ret_id)
{
	/* name:password:uid:gid:comment:home:shell and name:password:gid:members */
	const unsigned int last_field = is_group ? 3 : 6;
	size_t name_len = strlen(name);
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *line, *field;
		size_t line_len = vzr_guest_next_line(&at, end, &line);
		size_t field_len;

		if (line_len <= name_len || memcmp(line, name, name_len) != 0 ||
		    line[name_len] != ':')
			continue;
		if (find_field(line, line_len, last_field, &field, &field_len) &&
		    find_field(line, line_len, 2, &field, &field_len) &&
		    parse_id(field, field_len, ret_id))
			return 0;
	}
	return -VZR_E_NOT_FOUND;
}

/* A link inside the guest may lead to the file, but nowhere else, and only to a regular file. */
static int read_in_root(int root_fd, const char *path, struct vzr_buf *buf, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int seen = vzr_open_in_root(root_fd, path, O_PATH, 0);
	VZR_AUTO_CLOSE int fd = -1;
	struct stat before, after;
	int r;

	if (seen == -ENOENT)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "the template has no %s", path);
	if (seen < 0 || fstat(seen, &before) < 0)
		return vzr_fail_code(err, seen < 0 ? seen : -errno, "cannot open the template's %s",
				     path);
	if (!S_ISREG(before.st_mode))
		return vzr_fail(err, -VZR_E_INPUT, "the template's %s is no regular file", path);
	fd = vzr_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &after) < 0)
		return vzr_fail_code(err, fd < 0 ? fd : -errno, "cannot open the template's %s",
				     path);
	if (after.st_ino != before.st_ino || after.st_dev != before.st_dev)
		return vzr_fail(err, -VZR_E_INPUT, "the template's %s changes", path);
	r = vzr_fd_read(fd, buf, err);
	return r < 0 ? vzr_wrap(err, r, "the template's %s", path) : 0;
}

int vzr_guest_find_id(int root_fd, const char *name, bool is_group, uint32_t *ret_id,
		      struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = VZR_GUEST_FILE_MAX };
	const char *path = is_group ? "/etc/group" : "/etc/passwd";
	const char *what = is_group ? "group" : "user";
	uint64_t value;
	int r;

	if (*name == '\0' || strpbrk(name, ":\n"))
		return vzr_fail(err, -VZR_E_INPUT, "'%s' is no name of a %s", name, what);
	if (name[strspn(name, "0123456789")] == '\0') {
		if (vzr_parse_uint(name, ID_MAX, &value) < 0)
			return vzr_fail(err, -VZR_E_INPUT, "%s id %s is above %u", what, name,
					ID_MAX);
		*ret_id = (uint32_t)value;
		return 0;
	}
	r = read_in_root(root_fd, path, &buf, err);
	if (r == 0 && vzr_guest_parse_id(vzr_buf_cstr(&buf), buf.len, name, is_group, ret_id) < 0)
		r = vzr_fail(err, -VZR_E_NOT_FOUND,
			     "the template's %s has no %s '%s': give the number, or a name that "
			     "is there",
			     path, what, name);
	return r < 0 ? vzr_wrap(err, r, "cannot limit %s '%s'", what, name) : 0;
}
