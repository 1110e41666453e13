/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mount points out of /proc/self/mountinfo. */
#include "engine/base/mounts.h"

#include "engine/base/cleanup.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* ID PARENT MAJ:MIN ROOT MOUNTPOINT ... (proc(5)) */
#define FIELD_MOUNT_POINT 4

static bool octal(char c)
{
	return c >= '0' && c <= '7';
}

void vzr_mounts_unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; to++) {
		if (p[0] == '\\' && octal(p[1]) && octal(p[2]) && octal(p[3])) {
			*to = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
}

static char *mount_point(char *line)
{
	for (int i = 0; i < FIELD_MOUNT_POINT; i++) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	line[strcspn(line, " \n")] = '\0';
	vzr_mounts_unescape(line);
	return line;
}


static bool is_below(const char *point, const char *top, size_t len)
{
	return strncmp(point, top, len) == 0 && point[len] == '/';
}

int vzr_mounts_below(int fd)
{
	VZR_AUTO_FREE char *top = malloc(PATH_MAX);
	VZR_AUTO_FREE char *line = NULL;
	VZR_AUTO_FCLOSE FILE *f = NULL;
	size_t size = 0;
	char link[32];
	ssize_t n;

	if (!top)
		return -ENOMEM;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, top, PATH_MAX);
	if (n < 0 || n >= PATH_MAX)
		return n < 0 ? -errno : -ENAMETOOLONG;
	top[n] = '\0';
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		const char *point = mount_point(line);

		if (point && (strcmp(point, top) == 0 || is_below(point, top, (size_t)n)))
			return 1;
	}
	return ferror(f) ? -EIO : 0;
}
