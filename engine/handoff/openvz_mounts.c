/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is mounted on a directory or somewhere below it. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MOUNTINFO "/proc/self/mountinfo"
#define MOUNTINFO_MAX (16u << 20)
#define MOUNT_POINT_FIELD 4 /* proc(5), counted from 0 */

int vzr_openvz_is_mount_point(int dirfd, const char *name)
{
	struct statx stx;
	struct stat dir;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &stx) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	/* A kernel before 5.8 does not say; all but a bind mount of the same device shows. */
	if (fstat(dirfd, &dir) < 0)
		return -errno;
	return makedev(stx.stx_dev_major, stx.stx_dev_minor) != dir.st_dev;
}

/* In place: \040 and the like, as the kernel writes blanks, newlines and backslashes. */
static void unescape_octal(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'));
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* The mount point of a line, cut out and unescaped in place; NULL if it has none. */
static char *mount_point(char *line)
{
	for (int i = 0; i < MOUNT_POINT_FIELD && line; i++) {
		line = strchr(line, ' ');
		line += line != NULL;
	}
	if (line) {
		line[strcspn(line, " ")] = '\0';
		unescape_octal(line);
	}
	return line;
}

/* Path of the open directory as this process sees it. */
static bool path_of(int fd, char out[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	if (n <= 0)
		return false;
	out[n] = '\0';
	return true;
}

int vzr_openvz_mount_below(int dir, char **ret_path)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = MOUNTINFO_MAX };
	VZR_AUTO_CLOSE int fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
	char path[PATH_MAX], *save = NULL;
	size_t len;
	int r;

	if (fd < 0 || !path_of(dir, path))
		return errno == ENOENT ? 0 : -errno;
	r = vzr_fd_read(fd, &buf, NULL);
	if (r < 0 || !buf.data)
		return r;
	len = strlen(path);
	for (char *line = strtok_r(buf.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *point = mount_point(line);

		if (!point || strncmp(point, path, len) != 0 || point[len] != '/')
			continue;
		*ret_path = strdup(point);
		return *ret_path ? 1 : -ENOMEM;
	}
	return 0;
}
