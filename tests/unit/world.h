/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A scratch root with settings and a transaction, for what changes the target. */
#pragma once

#include "tests/unit/check.h"

#include "engine/base/event.h"
#include "engine/journal.h"

/** What happened is kept for the test to look at. */
struct world {
	char path[64];
	int fd;
	struct vzr_settings *settings;
	struct vzr_undo *undo;
	struct vzr_context ctx;
	char log[8192]; /**< every text of a LOG event, one a line */
};

static inline void world_event(void *data, const struct vzr_event *event)
{
	struct world *w = data;
	size_t len = strlen(w->log);

	if (event->type == VZR_EVENT_LOG)
		snprintf(w->log + len, sizeof(w->log) - len, "%s\n", event->u.log.text);
}

static inline int world_open(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct vzr_error err = VZR_ERROR_INIT;

	assert_non_null(w);
	w->fd = scratch_open(w->path);
	w->ctx = (struct vzr_context){ .fn = world_event, .data = w };
	assert_ok(vzr_settings_new(w->path, &w->settings, &err), &err);
	assert_ok(vzr_journal_begin(w->settings, "test", true, &w->undo, &err), &err);
	*state = w;
	return 0;
}

/** Ends the transaction; without a commit everything that was recorded is taken back. */
static inline void world_undo(struct world *w)
{
	vzr_journal_end(w->undo, &w->ctx);
	w->undo = NULL;
}

static inline int world_close(void **state)
{
	struct world *w = *state;

	vzr_journal_end(w->undo, NULL);
	vzr_settings_free(w->settings);
	scratch_close(w->fd, w->path);
	free(w);
	return 0;
}

/** Makes directory @path and what is missing above it. */
static inline void make_dirs(const struct world *w, const char *path)
{
	char command[512];

	snprintf(command, sizeof(command), "umask 022; mkdir -p '%s/%s'", w->path, path);
	assert_int_equal(system(command), 0);
}

/** Reads @path whole; the text lives until the next call. */
static inline const char *text_of(const struct world *w, const char *path)
{
	static char text[65536];
	int fd = openat(w->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		fail_msg("cannot read %s: %s", path, strerror(errno));
	close(fd);
	text[n] = '\0';
	return text;
}

/** Fails the test unless some event's text holds @text. */
#define assert_logged(w, text)                                                                     \
	do {                                                                                       \
		if (!strstr((w)->log, (text)))                                                     \
			fail_msg("'%s' is not in the log:\n%s", (text), (w)->log);                 \
	} while (0)
