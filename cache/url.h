/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* URLs as text: what is accepted, what is shown, what a file URL names. Pure. */
#pragma once

#include "engine/base/error.h"

enum vzr_scheme { VZR_SCHEME_OTHER, VZR_SCHEME_HTTP, VZR_SCHEME_HTTPS, VZR_SCHEME_FILE };

/** The scheme of @url, in any case of letters. */
enum vzr_scheme vzr_url_scheme(const char *url);

#define VZR_URL_SHOW 160

/**
 * @url for messages into @out: without user and password, with "?..." for a query (it may hold a
 * token), cut if long. Returns @out.
 */
char *vzr_url_show(const char *url, char out[VZR_URL_SHOW]);

/** The percent-decoded path of a file URL that vzr_url_ok() accepts. -EINVAL (%00), -ENOMEM. */
VZR_MUST_CHECK int vzr_url_path(const char *url, char **ret_path);
