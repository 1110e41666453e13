/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the files of a guest are read and replaced: as an enemy's. */
#pragma once

#include "engine/base/buf.h"
#include "engine/guest/guest.h"

#include <sys/stat.h>

#define VZR_GUEST_FILE_MAX (1u << 20)

/** One file of the guest, to be looked at and perhaps replaced. */
struct vzr_guest_file {
	const struct vzr_guest_job *job;
	const char *path; /**< relative to the root, "etc/hosts"; borrowed */
	int dir;	  /**< its directory, -1 if that is not there */
	bool exists;	  /**< it is a regular file, and text holds it */
	bool blocked;	  /**< something else stands there (a warning was sent): leave it */
	struct stat st;	  /**< of the file when it exists */
	struct vzr_buf text;
};

void vzr_guest_file_done(struct vzr_guest_file *file);
#define VZR_AUTO_GUEST_FILE __attribute__((cleanup(vzr_guest_file_done)))

/**
 * Opens @path without following a link in any part of it and reads it. What is a link, no regular
 * file, on another file system or larger than VZR_GUEST_FILE_MAX is blocked, with a warning
 * event; what is absent is neither blocked nor existing. Negative on failures of the system only.
 */
VZR_MUST_CHECK int vzr_guest_file_open(const struct vzr_guest_job *job, const char *path,
				       struct vzr_guest_file *ret_file, struct vzr_error *err);

/** Like vzr_guest_file_open() for entry @name of the open directory @dir. */
VZR_MUST_CHECK int vzr_guest_file_open_at(const struct vzr_guest_job *job, int dir,
					  const char *path, struct vzr_guest_file *ret_file,
					  struct vzr_error *err);

/** True if a new file may be made there: its directory exists and nothing blocks the name. */
bool vzr_guest_file_possible(const struct vzr_guest_file *file);

/**
 * Makes @text the file's content by a new file and a rename, so that hard links of the old one
 * are not touched. A replaced file keeps mode and owner, a new one is 0644 and the guest root's.
 * Does nothing if that is the content already, or if vzr_guest_file_possible() says no.
 */
VZR_MUST_CHECK int vzr_guest_file_put(struct vzr_guest_file *file, const struct vzr_buf *text,
				      struct vzr_error *err);

/**
 * Opens directory @path below the root without following links. -1 if it is absent or, with a
 * warning event, if it is something else; other negative values on failure.
 */
VZR_MUST_CHECK int vzr_guest_dir_open(const struct vzr_guest_job *job, const char *path,
				      int *ret_fd, struct vzr_error *err);

/** True if @name can stand as a host name: letters, digits, '-', '.', '_', at most 253. */
bool vzr_guest_is_hostname(const char *name);

/** The next line of [*at, end): its length without the newline; *at moves behind it. */
size_t vzr_guest_next_line(const char **at, const char *end, const char **ret_line);

/** hostname.c: the host name in the way of each distribution, and etc/hosts. */
VZR_MUST_CHECK int vzr_guest_set_hostname(const struct vzr_guest_job *job, struct vzr_error *err);
VZR_MUST_CHECK int vzr_guest_set_hosts(const struct vzr_guest_job *job, struct vzr_error *err);

/** cron.c: other minutes and hours for the jobs of etc/crontab and etc/cron.d. */
VZR_MUST_CHECK int vzr_guest_spread_cron(const struct vzr_guest_job *job, struct vzr_error *err);

/**
 * Spreads one crontab of @len bytes into @out: a simple number of minutes becomes one of 0 to 59,
 * one of hours 0 to 5; every other byte stays. @random gives the next number.
 */
VZR_MUST_CHECK int vzr_guest_cron_text(const char *text, size_t len,
				       uint32_t (*random)(void *data), void *data,
				       struct vzr_buf *out);

/**
 * passwd.c: the id of @name in the @len bytes of a passwd or group file, the first line that is
 * well-formed counting, as for getpwnam(3). 0 or -VZR_E_NOT_FOUND; fills no message.
 */
VZR_MUST_CHECK int vzr_guest_parse_id(const char *text, size_t len, const char *name,
				      bool is_group, uint32_t *ret_id);
