/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and paths as text. */
#include "engine/base/path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* True if escaping would change @text: control characters, broken UTF-8, or too long for it. */
static bool unprintable(const char *text)
{
	char out[4096];

	return strcmp(vzr_escape(out, sizeof(out), text), text) != 0;
}

int vzr_name_check(const char *what, const char *name, struct vzr_error *err)
{
	if (!*name)
		return vzr_fail(err, -VZR_E_INPUT, "%s is empty", what);
	if (strlen(name) > VZR_NAME_MAX)
		return vzr_fail(err, -VZR_E_INPUT, "%s is longer than %d bytes", what,
				VZR_NAME_MAX);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || name[0] == '-')
		return vzr_fail(err, -VZR_E_INPUT, "%s '%s' is not allowed", what, name);
	if (unprintable(name) || strpbrk(name, "/ \"'$`\\"))
		return vzr_fail(err, -VZR_E_INPUT,
				"%s '%s' has a character that is not allowed in it "
				"(no '/', blanks, quotes, '$', '`', '\\' or control characters)",
				what, name);
	return 0;
}

int vzr_path_check(const char *what, const char *path, struct vzr_error *err)
{
	if (path[0] != '/')
		return vzr_fail(err, -VZR_E_INPUT, "%s '%s' is not an absolute path", what, path);
	if (strlen(path) >= 4096 || unprintable(path))
		return vzr_fail(err, -VZR_E_INPUT,
				"%s is too long or has control characters: '%.200s'", what, path);
	for (const char *p = path; *p; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return vzr_fail(err, -VZR_E_INPUT, "%s '%s' has a '..' in it", what, path);
		p += len;
	}
	return 0;
}

char *vzr_path_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);
	char *out = NULL;

	while (len > 0 && dir[len - 1] == '/')
		len--;
	name += strspn(name, "/");
	return asprintf(&out, "%.*s/%s", (int)len, dir, name) < 0 ? NULL : out;
}

char *vzr_path_expand(const char *path, uint32_t ctid)
{
	const char *at = strstr(path, "$VEID"), *brace = strstr(path, "${VEID}");
	char *out = NULL;
	size_t len;

	/* The first one only: the target would look for the others under that very name. */
	if (!at || (brace && brace < at))
		at = brace;
	if ((at ? asprintf(&out, "%.*s%u%s", (int)(at - path), path, ctid,
			   at + (at == brace ? 7 : 5))
		: asprintf(&out, "%s", path)) < 0)
		return NULL;
	for (len = strlen(out); len > 1 && out[len - 1] == '/';)
		out[--len] = '\0';
	return out;
}

/* Compares the runs of digits at *@a and *@b by value and moves both behind them. */
static int compare_numbers(const char **a, const char **b)
{
	size_t len_a, len_b;
	int r;

	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	len_a = strspn(*a, "0123456789");
	len_b = strspn(*b, "0123456789");
	r = len_a != len_b ? (len_a < len_b ? -1 : 1) : strncmp(*a, *b, len_a);
	*a += len_a;
	*b += len_b;
	return r;
}

int vzr_natural_compare(const char *a, const char *b)
{
	const char *whole_a = a, *whole_b = b;

	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			int r = compare_numbers(&a, &b);

			if (r)
				return r;
			continue;
		}
		if (*a != *b)
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		a++;
		b++;
	}
	if (*a || *b)
		return *a ? 1 : -1;
	return strcmp(whole_a, whole_b); /* "1" and "01": equal in value, still an order */
}
