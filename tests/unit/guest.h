/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scratch guest beside something of the host's that it must not reach. */
#pragma once

#include "tests/unit/check.h"

#include "engine/base/cleanup.h"
#include "engine/base/event.h"
#include "engine/guest/internal.h"

/** One guest and the warnings that it gave. */
struct guest {
	char path[64];	/* scratch: "root" is the guest, all else is the host's */
	int outside;
	int root;
	struct vzr_context ctx;
	struct vzr_guest_job job;
	char log[8192];
};

/** Keeps the warnings. */
static inline void on_event(void *data, const struct vzr_event *event)
{
	struct guest *g = data;
	size_t len = strlen(g->log);

	if (event->type == VZR_EVENT_LOG && event->u.log.level == VZR_LEVEL_WARNING)
		snprintf(g->log + len, sizeof(g->log) - len, "%s\n", event->u.log.text);
}

/** Set-up of a test. */
static inline int guest_open(void **state)
{
	struct guest *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->outside = scratch_open(g->path);
	assert_int_equal(mkdirat(g->outside, "root", 0755), 0);
	assert_int_equal(mkdirat(g->outside, "root/etc", 0755), 0);
	g->root = openat(g->outside, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(g->root >= 0);
	g->ctx = (struct vzr_context){ .fn = on_event, .data = g };
	g->job = (struct vzr_guest_job){ .ctx = &g->ctx,
					 .root_fd = g->root,
					 .root_uid = geteuid(),
					 .root_gid = getegid() };
	*state = g;
	return 0;
}

/** Tear-down of a test. */
static inline int guest_close(void **state)
{
	struct guest *g = *state;

	close(g->root);
	scratch_close(g->outside, g->path);
	free(g);
	return 0;
}

/** Customises it, which must succeed. */
static inline void customise(struct guest *g)
{
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzr_guest_customise(&g->job, &err), &err);
}

/** Reads @path whole; the text lives until the next call. */
static inline const char *text_of(int dirfd, const char *path)
{
	static char text[65536];
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		fail_msg("cannot read %s: %s", path, strerror(errno));
	close(fd);
	text[n] = '\0';
	return text;
}

/** Makes one directory of the guest. */
static inline void make_dir(const struct guest *g, const char *path)
{
	assert_int_equal(mkdirat(g->root, path, 0755), 0);
}

/** Fails the test unless some warning holds @text. */
#define assert_warned(g, text)                                                                     \
	do {                                                                                       \
		if (!strstr((g)->log, (text)))                                                     \
			fail_msg("'%s' is not in the warnings:\n%s", (text), (g)->log);            \
	} while (0)
