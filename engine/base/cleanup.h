/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scope-bound release of descriptors, streams and memory, and the visible hand-over of them. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** Call @fn with a pointer to the variable when the scope ends. */
#define VZR_CLEANUP(fn) __attribute__((cleanup(fn)))

/** Frees what the variable points to; keeps errno. */
static inline void vzr_freep(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

/** Closes the descriptor unless it is negative; keeps errno. */
static inline void vzr_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

/** Closes the stream unless it is NULL; keeps errno. Writers check fclose() themselves. */
static inline void vzr_fclosep(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

/** Closes the directory stream unless it is NULL; keeps errno. */
static inline void vzr_closedirp(DIR **d)
{
	int saved = errno;

	if (*d)
		closedir(*d);
	errno = saved;
}

#define VZR_AUTO_FREE VZR_CLEANUP(vzr_freep)
#define VZR_AUTO_CLOSE VZR_CLEANUP(vzr_closep)
#define VZR_AUTO_FCLOSE VZR_CLEANUP(vzr_fclosep)
#define VZR_AUTO_CLOSEDIR VZR_CLEANUP(vzr_closedirp)

/** Hands the pointer over to the caller and leaves NULL behind. */
#define vzr_take_ptr(p)                                                                            \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/** Hands the descriptor over to the caller and leaves -1 behind. */
#define vzr_take_fd(fd)                                                                            \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

/** Number of elements of an array (not of a pointer). */
#define VZR_COUNT(a) (sizeof(a) / sizeof((a)[0]))
