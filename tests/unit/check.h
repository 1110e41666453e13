/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the unit tests share: cmocka, scratch directories, assertions over errors. */
#pragma once

#include "engine/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/** Exit status by which a whole test file says "skipped". */
#define CHECK_SKIP 77

/** Fails the test unless @r and err->code are @code and the message holds @text. */
#define assert_error(r, code_, err, text)                                                          \
	do {                                                                                       \
		int got_ = (r);                                                                    \
		if (got_ != (code_))                                                               \
			print_error("%s\n", (err)->msg);                                           \
		assert_int_equal(got_, (code_));                                                   \
		assert_int_equal((err)->code, (code_));                                            \
		if (!strstr((err)->msg, (text)))                                                   \
			fail_msg("'%s' is not in '%s'", (text), (err)->msg);                       \
	} while (0)

/** Fails the test with the message if @r is negative. */
#define assert_ok(r, err)                                                                          \
	do {                                                                                       \
		int got_ = (r);                                                                    \
		if (got_ < 0)                                                                      \
			fail_msg("%d: %s", got_, (err)->msg);                                      \
	} while (0)

/** A new empty directory; its descriptor. @path (64 bytes) gets its name. */
static inline int scratch_open(char path[64])
{
	int fd;

	snprintf(path, 64, "/tmp/vzr-unit-XXXXXX");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/** Removes a scratch directory with a program that shares no code with what is tested. */
static inline void scratch_close(int fd, const char *path)
{
	char command[256];

	close(fd);
	snprintf(command, sizeof(command), "chmod -R u+rwx '%s' 2>/dev/null; rm -rf '%s'", path,
		 path);
	assert_int_equal(system(command), 0);
}

/** Writes @text into a new file @name with mode 0644. */
static inline void put_text(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/** Whether @name exists in @dirfd (a dangling link does). */
static inline bool exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
