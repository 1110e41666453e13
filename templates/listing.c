/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenVZ's own formats: the .listing of a precreated tree, and download.conf. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/kv.h"
#include "engine/base/path.h"

#include <string.h>

#define PREFIX_VARIABLE "$TMPL_REPO_PREFIX"
#define PREFIX_BRACES "${TMPL_REPO_PREFIX}"
#define DEFAULT_PREFIX "http://download.openvz.org/template/precreated"

static int bad_line(struct vzr_error *err, int code, unsigned int line, const char *why)
{
	int r = vzr_fail(err, code, ".listing, line %u: %s", line, why);

	if (err)
		err->line = line;
	return r;
}

static int add_name(char *name, unsigned int repository, unsigned int line,
		    struct vzr_entries *entries, struct vzr_error *err)
{
	struct vzr_entry entry = { .repository = repository };
	int r;

	if (*name == '\0')
		return 0;
	if (vzr_name_check("template name", name, NULL) < 0 || name[0] == '.' ||
	    strpbrk(name, ":="))
		return bad_line(err, -VZR_E_INPUT, line, "this is not the name of a template");
	entry.name = strdup(name);
	r = entry.name ? vzr_entries_add(entries, entry) : -ENOMEM;
	if (r < 0) {
		free(entry.name);
		return bad_line(err, r, line,
				r == -VZR_E_LIMIT ? "too many names" : "out of memory");
	}
	return 0;
}

int vzr_listing_parse(const char *text, size_t len, unsigned int repository,
		      struct vzr_entries *entries, struct vzr_error *err)
{
	char name[VZR_NAME_MAX + 2];
	const char *end = text + len;

	for (unsigned int line = 1; text < end; line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		int r;

		if (!nl)
			return bad_line(err, -VZR_E_INPUT, line,
					"the last line does not end: the file was cut off");
		if (n && text[n - 1] == '\r')
			n--;
		if (n > VZR_NAME_MAX || memchr(text, '\0', n))
			return bad_line(err, -VZR_E_INPUT, line,
					"this is not the name of a template");
		memcpy(name, text, n);
		name[n] = '\0';
		r = add_name(name, repository, line, entries, err);
		if (r < 0)
			return r;
		text = nl + 1;
	}
	return 0;
}

void vzr_download_conf_done(struct vzr_download_conf *conf)
{
	vzr_list_done(&conf->repositories, free);
	vzr_list_done(&conf->suffixes, free);
}

/* One word of TEMPLATE_REPOS: a URL, a URL behind the prefix variable, or a path below the prefix.
 */
static int add_repository(struct vzr_list *list, const char *prefix, const char *word)
{
	const char *variables[] = { PREFIX_VARIABLE, PREFIX_BRACES };
	VZR_AUTO_FREE char *url = NULL;
	int r;

	for (size_t i = 0; i < VZR_COUNT(variables) && !url; i++) {
		size_t n = strlen(variables[i]);

		if (strncmp(word, variables[i], n) == 0 &&
		    asprintf(&url, "%s%s", prefix, word + n) < 0)
			return -ENOMEM;
	}
	if (!url && asprintf(&url, "%s%s", *word == '/' ? prefix : "", word) < 0)
		return -ENOMEM;
	for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
		url[n - 1] = '\0';
	r = vzr_list_add(list, url);
	if (r == 0)
		url = NULL;
	return r;
}

static int read_keys(const struct vzr_kv *kv, struct vzr_download_conf *conf)
{
	VZR_AUTO_TEXT_LIST struct vzr_list words = { 0 };
	const char *prefix = vzr_kv_get(kv, "TMPL_REPO_PREFIX");
	const char *repositories = vzr_kv_get(kv, "TEMPLATE_REPOS");
	const char *suffixes = vzr_kv_get(kv, "TMPL_SUFFIXES");
	const char *check = vzr_kv_get(kv, "CHECK_TEMPLATE_SIG");
	int r = 0;

	conf->unchecked = check && strcmp(check, "no") == 0;
	/* TEMPLATE_REPOS is the prefix alone unless it is set. */
	if (repositories)
		r = vzr_split_blanks(repositories, &words);
	else if (prefix)
		r = vzr_list_add_text(&words, PREFIX_VARIABLE);
	for (size_t i = 0; i < words.count && r == 0; i++)
		r = add_repository(&conf->repositories, prefix ? prefix : DEFAULT_PREFIX,
				   words.items[i]);
	if (r == 0 && suffixes)
		r = vzr_split_blanks(suffixes, &conf->suffixes);
	return r;
}

int vzr_download_conf_parse(const char *text, size_t len, struct vzr_download_conf *ret_conf,
			    struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	struct vzr_download_conf conf = { 0 };
	int r = vzr_kv_parse(text, len, 0, &kv, err);

	if (r < 0)
		return r;
	r = read_keys(&kv, &conf);
	if (r < 0) {
		vzr_download_conf_done(&conf);
		return vzr_fail_code(err, r, "cannot read download.conf");
	}
	*ret_conf = conf;
	return 0;
}
