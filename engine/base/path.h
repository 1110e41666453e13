/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and paths as text, checked once at the border. */
#pragma once

#include "engine/base/error.h"

#define VZR_NAME_MAX 200

/**
 * Checks the name of a container, template or source: 1 to VZR_NAME_MAX bytes of printable UTF-8
 * without '/', blanks, quotes, '$', '`' and '\\' (it is written into files that shells read); not
 * "." or "..", no leading '-'. @what ("template name") stands in the message. -VZR_E_INPUT.
 */
VZR_MUST_CHECK int vzr_name_check(const char *what, const char *name, struct vzr_error *err);

/** Checks an absolute path of the configuration: starts with '/', no "..", printable. */
VZR_MUST_CHECK int vzr_path_check(const char *what, const char *path, struct vzr_error *err);

/** "@dir/@name" with one slash between. NULL when out of memory; the caller frees. */
char *vzr_path_join(const char *dir, const char *name);

/**
 * @path with the first "$VEID" or "${VEID}" replaced by @ctid and no '/' at its end, as vzctl
 * expands VE_PRIVATE and VE_ROOT (the target leaves any other as it is). NULL when out of memory;
 * the caller frees.
 */
char *vzr_path_expand(const char *path, uint32_t ctid);

/**
 * Compares like strcmp(), but runs of digits by their value ("24.04.10" after "24.04.9"):
 * the order of versions.
 */
int vzr_natural_compare(const char *a, const char *b);
