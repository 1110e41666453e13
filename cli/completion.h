/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completion scripts out of the tables of commands and options. */
#pragma once

#include "cli/cli.h"

/** Prints the script for zsh. */
void vzr_cli_completion_zsh(void);

/** Prints the script for fish. */
void vzr_cli_completion_fish(void);

/** The first word of the command's name, copied into @out; returns @out. */
char *vzr_cli_completion_group(const struct cli_command *command, char out[32]);

/** True if command number @index is the first one with its first word. */
bool vzr_cli_completion_first(size_t index);

/** The second word of the command's name, or NULL. */
const char *vzr_cli_completion_second(const struct cli_command *command);
