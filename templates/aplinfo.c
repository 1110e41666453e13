/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The appliance index of Proxmox and TurnKey: records of "Key: value" lines with blank lines
 * between them, lines that go on begin with a blank. PVE's own reader is
 * PVE::APLInfo::read_aplinfo_from_fh.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"

#include <ctype.h>
#include <string.h>

#define VALUE_MAX 1024
#define SHA512_DIGITS 128

/* What one record says of what we need; empty: nothing. */
struct record {
	char package[VALUE_MAX];
	char type[VALUE_MAX];
	char version[VALUE_MAX];
	char architecture[VALUE_MAX];
	char location[VALUE_MAX];
	char sha512[VALUE_MAX];
};

static const struct {
	const char *key;
	size_t offset;
} fields[] = {
	{"package", offsetof(struct record, package)},
	{"type", offsetof(struct record, type)},
	{"version", offsetof(struct record, version)},
	{"architecture", offsetof(struct record, architecture)},
	{"location", offsetof(struct record, location)},
	{"sha512sum", offsetof(struct record, sha512)},
};

struct reader {
	const char *file;
	unsigned int line;
	const struct vzr_list *suffixes;
	struct vzr_entries *entries;
	struct record record;
	bool any; /* the record has a line */
};

static int bad_line(const struct reader *reader, int code, const char *why, struct vzr_error *err)
{
	int r = vzr_fail(err, code, "%s, line %u: %s", reader->file, reader->line, why);

	if (err)
		err->line = reader->line;
	return r;
}

bool vzr_location_ok(const char *location)
{
	if (!*location || *location == '/' || strlen(location) >= VALUE_MAX)
		return false;
	for (const unsigned char *p = (const unsigned char *)location; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("\\\"'`$?#%", *p))
			return false;
	for (const char *p = location; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (*p == '/' || *p == '\0' || *p == '-' || strncmp(p, "./", 2) == 0 ||
		    strcmp(p, ".") == 0 || strncmp(p, "../", 3) == 0 || strcmp(p, "..") == 0)
			return false;
	}
	return true;
}

static int add_entry(struct reader *reader, const char *name, unsigned int rank,
		     enum vzr_entry_role role, struct vzr_error *err)
{
	const struct record *record = &reader->record;
	struct vzr_entry entry = { .rank = rank, .role = role, .has_digest = true };
	int r;

	if (vzr_digest_parse(record->sha512, &entry.digest, NULL) < 0)
		return bad_line(reader, -VZR_E_INPUT, "its sha512sum is none", err);
	r = vzr_entries_add_named(reader->entries, entry, name, record->location, record->version);
	return r < 0 ? bad_line(reader, r,
				r == -VZR_E_LIMIT ? "too many templates" : "out of memory", err)
		     : 0;
}

/*
 * "debian-13-standard" of amd64 is our debian-13-amd64-standard, whichever build it is; a package
 * without a version in its name gets its architecture at the end.
 */
static void our_name(const struct record *record, char out[3 * VALUE_MAX])
{
	const char *version = strchr(record->package, '-');
	const char *rest =
		version && isdigit((unsigned char)version[1]) ? strchr(version + 1, '-') : NULL;
	size_t front = rest ? (size_t)(rest - record->package) : strlen(record->package);

	snprintf(out, 3 * VALUE_MAX, "%.*s-%s%s", (int)front, record->package, record->architecture,
		 rest ? rest : "");
}

/* Records of other things than root archives, or without what is needed, are left out. */
static int end_record(struct reader *reader, struct vzr_error *err)
{
	const struct record *record = &reader->record;
	const char *slash = strrchr(record->location, '/');
	VZR_AUTO_FREE char *stem = NULL;
	char name[3 * VALUE_MAX];
	unsigned int rank = 0;
	int r = 0;

	if (reader->any && *record->package && *record->architecture && *record->location &&
	    strlen(record->sha512) == SHA512_DIGITS &&
	    (strcmp(record->type, "lxc") == 0 || strcmp(record->type, "openvz") == 0)) {
		if (!vzr_location_ok(record->location))
			return bad_line(reader, -VZR_E_INPUT,
					"the Location of this record leads out of its directory",
					err);
		stem = vzr_template_name_of(slash ? slash + 1 : record->location, reader->suffixes,
					    &rank);
	}
	if (stem) {
		our_name(record, name);
		r = add_entry(reader, name, rank, VZR_ENTRY_MAIN, err);
		if (r == 0 && strcmp(name, stem) != 0)
			r = add_entry(reader, stem, rank, VZR_ENTRY_EXACT, err);
	}
	reader->record = (struct record){0};
	reader->any = false;
	return r;
}

static void set_field(struct record *record, const char *key, size_t key_len, const char *value,
		      size_t len)
{
	for (size_t i = 0; i < VZR_COUNT(fields); i++)
		if (strlen(fields[i].key) == key_len &&
		    strncasecmp(fields[i].key, key, key_len) == 0 && len < VALUE_MAX) {
			char *out = (char *)record + fields[i].offset;

			memcpy(out, value, len);
			out[len] = '\0';
		}
}

static int take_line(struct reader *reader, const char *line, size_t len, struct vzr_error *err)
{
	const char *colon = memchr(line, ':', len);
	const char *value;

	if (len == 0)
		return end_record(reader, err);
	if (*line == ' ' || *line == '\t') {
		if (!reader->any)
			return bad_line(reader, -VZR_E_INPUT, "it goes on with nothing", err);
		return 0;
	}
	if (!colon || colon == line)
		return bad_line(reader, -VZR_E_INPUT, "this is no \"Key: value\"", err);
	reader->any = true;
	value = colon + 1;
	while (value < line + len && (*value == ' ' || *value == '\t'))
		value++;
	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	if (value < line + len)
		set_field(&reader->record, line, (size_t)(colon - line), value,
			  (size_t)(line + len - value));
	return 0;
}

int vzr_aplinfo_parse(const char *file, const char *text, size_t len,
		      const struct vzr_list *suffixes, struct vzr_entries *entries,
		      struct vzr_error *err)
{
	VZR_AUTO_FREE struct reader *reader = calloc(1, sizeof(*reader));
	const char *end = text + len;
	int r = 0;

	if (!reader)
		return vzr_fail_code(err, -ENOMEM, "cannot read %s", file);
	reader->file = file;
	reader->suffixes = suffixes;
	reader->entries = entries;
	while (text < end && r == 0) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		reader->line++;
		if (!nl)
			return bad_line(reader, -VZR_E_INPUT,
					"the last line does not end: the file was cut off", err);
		r = memchr(text, '\0', (size_t)(nl - text))
			    ? bad_line(reader, -VZR_E_INPUT, "there is a NUL in it", err)
			    : take_line(reader, text, (size_t)(nl - text), err);
		text = nl + 1;
	}
	return r < 0 ? r : end_record(reader, err);
}
