/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the report's page that do not depend on a batch. */
#pragma once

#include <stdint.h>
#include <stdio.h>

/** Everything up to the page's own content; @title is escaped. */
void vzr_cli_page_begin(FILE *out, const char *title);

/** The end of the page. */
void vzr_cli_page_end(FILE *out);

/** Writes @text so that it is text and nothing else, in content and in quoted attributes. */
void vzr_cli_page_text(FILE *out, const char *text);

/** A step for marks on a time axis of @total_us: 1, 2 or 5 times a power of ten, 4 to 10 marks. */
uint64_t vzr_cli_page_step(uint64_t total_us);
