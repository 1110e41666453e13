/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Splitting template names and telling which of several is meant. */
#include "templates/name.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"

#include <ctype.h>
#include <string.h>

#define PIECES_MAX (VZR_NAME_WORDS + 4)
#define DISTANCE_MAX 255

void vzr_name_parts_done(struct vzr_name_parts *parts)
{
	free(parts->text);
	*parts = (struct vzr_name_parts){ 0 };
}

static bool is_version(const char *piece)
{
	return isdigit((unsigned char)piece[0]);
}

/* Where the digits glued to the end of a word begin ("6" of "core6"); NULL if there are none. */
static char *glued_version(char *piece)
{
	size_t letters = 0;

	while (isalpha((unsigned char)piece[letters]))
		letters++;
	if (letters == 0 || !isdigit((unsigned char)piece[letters]))
		return NULL;
	for (const char *p = piece + letters; *p; p++)
		if (!isdigit((unsigned char)*p) && *p != '.')
			return NULL;
	return piece + letters;
}

/*
 * Takes the version off the first word that has one glued to it, among the first @n pieces: the
 * text moves one byte to make room for the NUL, which the copy of the name has at its end.
 */
static void unglue(struct vzr_name_parts *parts, char **pieces, size_t n, char *spare)
{
	for (size_t i = 0; i < n; i++) {
		char *digits = glued_version(pieces[i]);

		if (!digits)
			continue;
		memcpy(spare, digits, strlen(digits) + 1);
		parts->version = spare;
		*digits = '\0';
		return;
	}
}

int vzr_name_split(const char *name, enum vzr_arch_names names, struct vzr_name_parts *ret_parts)
{
	VZR_AUTO_NAME_PARTS struct vzr_name_parts parts = { 0 };
	size_t length = strlen(name);
	char *pieces[PIECES_MAX];
	size_t n = 0, before_arch;
	char *save = NULL;

	/* Twice the length: the copy, and room for a version that was glued to a word. */
	parts.text = calloc(2, length + 1);
	if (!parts.text)
		return -ENOMEM;
	memcpy(parts.text, name, length);
	for (char *p = strtok_r(parts.text, "-", &save); p; p = strtok_r(NULL, "-", &save)) {
		if (n == PIECES_MAX)
			return -VZR_E_INPUT;
		pieces[n++] = p;
	}
	if (n == 0)
		return -VZR_E_INPUT;
	before_arch = n;
	for (size_t i = 1; i < n; i++) {
		const char *arch = parts.arch ? NULL : vzr_arch_canonical(names, pieces[i]);

		if (arch) {
			parts.arch = arch;
			before_arch = i;
			pieces[i] = NULL;
		} else if (is_version(pieces[i]) && !parts.version) {
			parts.version = pieces[i];
			pieces[i] = NULL;
		} else if (is_version(pieces[i]) && !parts.build) {
			parts.build = pieces[i];
			pieces[i] = NULL;
		}
	}
	if (!parts.version) {
		/* Without a version there are no gaps before the architecture. */
		unglue(&parts, pieces, before_arch, parts.text + length + 1);
	}
	parts.distro = pieces[0];
	for (size_t i = 1; i < n; i++)
		if (pieces[i] && parts.n_words == VZR_NAME_WORDS)
			return -VZR_E_INPUT;
		else if (pieces[i])
			parts.words[parts.n_words++] = pieces[i];
	*ret_parts = parts;
	parts.text = NULL;
	return 0;
}

/* "12" is "12" and takes "12.5"; "6" does not take "60". */
static bool version_matches(const char *wanted, const char *have)
{
	size_t n = strlen(wanted);

	if (!have || strncmp(wanted, have, n) != 0)
		return false;
	return have[n] == '\0' || have[n] == '.';
}

static bool has_word(const struct vzr_name_parts *parts, const char *word)
{
	for (size_t i = 0; i < parts->n_words; i++)
		if (strcmp(parts->words[i], word) == 0)
			return true;
	return false;
}

bool vzr_name_matches(const struct vzr_name_parts *wanted, const char *native,
		      const struct vzr_name_parts *candidate)
{
	const char *arch = wanted->arch ? wanted->arch : native;

	if (strcmp(wanted->distro, candidate->distro) != 0)
		return false;
	if (wanted->version && !version_matches(wanted->version, candidate->version))
		return false;
	if (wanted->build && (!candidate->build || strcmp(wanted->build, candidate->build) != 0))
		return false;
	/* A template without architecture in its name is taken for a native one. */
	if (candidate->arch ? strcmp(arch, candidate->arch) != 0 : strcmp(arch, native) != 0)
		return false;
	for (size_t i = 0; i < wanted->n_words; i++)
		if (!has_word(candidate, wanted->words[i]))
			return false;
	return true;
}

static int compare_optional(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return vzr_natural_compare(a, b);
}

static bool same_version(const struct vzr_name_parts *wanted, const struct vzr_name_parts *have)
{
	return wanted->version && have->version && strcmp(wanted->version, have->version) == 0;
}

static bool same_words(const struct vzr_name_parts *a, const struct vzr_name_parts *b)
{
	for (size_t i = 0; i < a->n_words; i++)
		if (!has_word(b, a->words[i]))
			return false;
	return a->n_words == b->n_words;
}

int vzr_name_prefer(const struct vzr_name_parts *wanted, const struct vzr_name_parts *a,
		    const struct vzr_name_parts *b)
{
	int order = (int)same_version(wanted, a) - (int)same_version(wanted, b);

	if (order == 0)
		order = compare_optional(a->version, b->version);
	if (order == 0)
		order = (int)same_words(wanted, a) - (int)same_words(wanted, b);
	/* Builds of different things have no order. */
	return order == 0 && same_words(a, b) ? compare_optional(a->build, b->build) : order;
}

unsigned int vzr_name_distance(const char *a, const char *b)
{
	size_t n = strnlen(a, DISTANCE_MAX), m = strnlen(b, DISTANCE_MAX);
	unsigned int row[DISTANCE_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}
