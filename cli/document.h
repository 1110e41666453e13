/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's document: reading it, and what "check" and "create --dry-run" say of it. */
#pragma once

#include "cli/cli.h"

#define CLI_DOCUMENT_MAX ((size_t)1 << 20)

/** How @path is called in messages: "standard input" for "-". Lent. */
const char *vzr_cli_input_name(const char *path);

/** All of the file at @path ("-": standard input), at most @max bytes; the caller frees. */
VZR_CHECK int vzr_cli_input_read(const char *path, size_t max, char **ret_text,
				 size_t *ret_length, struct vzr_error *err);

/** Reads the document at @path ("-": standard input), at most 1 MiB. */
VZR_CHECK int vzr_cli_document_load(const char *path, struct vzr_domain **ret_domain,
				    struct vzr_error *err);

/**
 * Reads, plans and prints one document; an error is part of the answer and is told as well.
 * 0, or the error's code with @err filled; nothing is left to report.
 */
int vzr_cli_document_check(struct cli *cli, const char *path, const struct vzr_request *request,
			   struct vzr_error *err);

/** Passes the document's warnings on, as events with the file's name in front. */
void vzr_cli_document_warn(struct cli *cli, const char *path, const struct vzr_domain *domain);
