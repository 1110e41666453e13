/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the command itself, the inputs it opens, and the fields that options fill. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

int vzr_cli_fail(struct vzr_error *err, int code, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*err = (struct vzr_error){ .code = code };
	vzr_escape(err->msg, sizeof(err->msg), text);
	return code;
}

/* The reason of the first failed write, which stdio forgets. */
static int output_errno;

void vzr_cli_flush(void)
{
	if (fflush(stdout) != 0 && output_errno == 0)
		output_errno = errno;
}

int vzr_cli_close_output(struct vzr_error *err)
{
	bool failed;

	vzr_cli_flush();
	failed = ferror(stdout) != 0;
	if (fclose(stdout) == 0 && !failed)
		return 0;
	return vzr_cli_fail(err, -VZR_E_FAILED, "cannot write standard output: %s",
			    strerrordesc_np(output_errno ? output_errno : EIO));
}

void vzr_cli_no_memory(void)
{
	static const char text[] = "vzroot: no memory left\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n;
	_exit(EXIT_FAILURE);
}

int vzr_cli_open_input(const char *path, int *ret_fd, struct vzr_error *err)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0) {
		*ret_fd = STDIN_FILENO;
		return 0;
	}
	/* O_NONBLOCK: opening a fifo must not wait for its writer. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return vzr_cli_fail(err, -VZR_E_NOT_FOUND, "there is no file %s", path);
	if (fd < 0)
		return vzr_cli_fail(err, -errno, "cannot open %s: %s", path,
				    strerrordesc_np(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return vzr_cli_fail(err, -VZR_E_INPUT,
				    "%s is not a regular file (- reads standard input)", path);
	}
	*ret_fd = fd;
	return 0;
}

int vzr_cli_set_flag(void *field, const char *value, struct vzr_error *err)
{
	(void)value;
	(void)err;
	*(bool *)field = true;
	return 0;
}

int vzr_cli_set_text(void *field, const char *value, struct vzr_error *err)
{
	(void)err;
	*(const char **)field = value;
	return 0;
}

int vzr_cli_set_ctid(void *field, const char *value, struct vzr_error *err)
{
	size_t digits = strspn(value, "0123456789");
	unsigned long long number;

	/* Ten digits fit; a longer text cannot be a CTID, whatever its value modulo 2^32. */
	if (digits == 0 || digits > 10 || value[digits] || value[0] == '0')
		return vzr_cli_fail(err, -VZR_E_USAGE, "'%.64s' is not a CTID (1 to 2147483647)",
				    value);
	number = strtoull(value, NULL, 10);
	if (number > INT32_MAX)
		return vzr_cli_fail(err, -VZR_E_USAGE, "CTID %s is above 2147483647", value);
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}
