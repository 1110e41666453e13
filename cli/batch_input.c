/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a batch is made of: documents, directories of them, a manifest; kept for --resume. */
#include "cli/batch.h"
#include "cli/document.h"
#include "cli/json.h"
#include "cli/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST_MAX ((size_t)16 << 20)
#define DOCUMENTS_MAX 100000
#define CONTAINERS_MAX 100000

static void file_done(struct cli_batch_file *file)
{
	free(file->name);
	free(file->text);
}

void vzr_cli_batch_files_done(struct cli_batch_files *files)
{
	for (size_t i = 0; i < files->n_documents; i++)
		file_done(&files->documents[i]);
	free(files->documents);
	file_done(&files->manifest);
	for (size_t i = 0; i < CLI_COUNT(files->texts); i++)
		free(files->texts[i]);
	*files = (struct cli_batch_files){ 0 };
}

/* ---- reading ---- */

static char *copy(const char *text)
{
	char *made = strdup(text);

	if (!made)
		vzr_cli_no_memory();
	return made;
}

static struct cli_batch_file *new_document(struct cli_batch_files *files)
{
	struct cli_batch_file *more =
		reallocarray(files->documents, files->n_documents + 1, sizeof(*more));

	if (!more)
		vzr_cli_no_memory();
	files->documents = more;
	more += files->n_documents++;
	*more = (struct cli_batch_file){ 0 };
	return more;
}

static int read_document(struct cli_batch_files *files, const char *path, struct vzr_error *err)
{
	struct cli_batch_file *file = new_document(files);

	file->name = copy(vzr_cli_input_name(path));
	return vzr_cli_input_read(path, CLI_DOCUMENT_MAX, &file->text, &file->length, err);
}

static int is_document(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 4 &&
	       strcmp(entry->d_name + length - 4, ".xml") == 0;
}

static int read_directory(struct cli_batch_files *files, const char *path, struct vzr_error *err)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_document, versionsort), r = 0;

	if (n < 0)
		return vzr_cli_fail(err, -errno, "cannot read %s: %s", path,
				    strerrordesc_np(errno));
	if (n == 0)
		r = vzr_cli_fail(err, -VZR_E_NOT_FOUND, "there is no .xml file in %s", path);
	for (int i = 0; i < n; i++) {
		CLI_AUTO_FREE char *name = NULL;

		if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0) {
			name = NULL;
			vzr_cli_no_memory();
		}
		if (r == 0)
			r = read_document(files, name, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int check_usage(const struct cli_batch_options *options,
		       const struct cli_batch_files *files, struct vzr_error *err)
{
	if (files->n_documents > DOCUMENTS_MAX)
		return vzr_cli_fail(err, -VZR_E_LIMIT, "more than %d documents", DOCUMENTS_MAX);
	if (options->manifest && files->n_documents != 1)
		return vzr_cli_fail(err, -VZR_E_USAGE,
				    "--manifest needs one document, whose values it changes");
	if (options->manifest && options->count)
		return vzr_cli_fail(err, -VZR_E_USAGE,
				    "--count and --manifest exclude each other: a manifest has a "
				    "row for each container");
	return 0;
}

int vzr_cli_batch_read(const struct cli_batch_options *options, int argc, char **argv,
		       struct cli_batch_files *ret_files, struct vzr_error *err)
{
	bool used = false;
	int r = 0;

	for (int i = 0; r == 0 && i < argc; i++) {
		bool input = strcmp(argv[i], "-") == 0;

		if (input && used)
			return vzr_cli_fail(err, -VZR_E_USAGE, "standard input is read once only");
		used |= input;
		r = is_directory(argv[i]) ? read_directory(ret_files, argv[i], err)
					  : read_document(ret_files, argv[i], err);
	}
	if (r == 0)
		r = check_usage(options, ret_files, err);
	if (r < 0 || !options->manifest)
		return r;
	if (used && strcmp(options->manifest, "-") == 0)
		return vzr_cli_fail(err, -VZR_E_USAGE, "standard input is read once only");
	ret_files->manifest.name = copy(vzr_cli_input_name(options->manifest));
	return vzr_cli_input_read(options->manifest, MANIFEST_MAX, &ret_files->manifest.text,
				  &ret_files->manifest.length, err);
}

/* ---- the memo ---- */

static json_t *file_json(const struct cli_batch_file *file)
{
	json_t *text = json_stringn(file->text, file->length);

	/* What is not UTF-8 is no document; the engine has refused it by the time of a memo. */
	return vzr_cli_json_pack("{s:o, s:o}", "name", vzr_cli_json_text(file->name), "text",
				 text ? text : vzr_cli_json_text(""));
}

char *vzr_cli_batch_memo(const struct cli_batch_options *options,
			 const struct cli_batch_files *files)
{
	json_t *documents = vzr_cli_json_pack("[]"), *memo;
	char *text;

	for (size_t i = 0; i < files->n_documents; i++)
		json_array_append_new(documents, file_json(&files->documents[i]));
	memo = vzr_cli_json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "count",
		vzr_cli_json_number(options->count), "ctid_from",
		vzr_cli_json_number(options->first_ctid), "area", vzr_cli_json_text(options->area),
		"quota", vzr_cli_json_text(options->quota), "handoff",
		vzr_cli_json_text(options->handoff), "no_sync", options->no_sync, "keep_going",
		options->keep_going, "documents", documents, "manifest",
		files->manifest.text ? file_json(&files->manifest) : json_null());
	text = json_dumps(memo, JSON_COMPACT);
	json_decref(memo);
	if (!text)
		vzr_cli_no_memory();
	return text;
}

static bool recall_file(const json_t *json, struct cli_batch_file *file)
{
	const json_t *text = json_object_get(json, "text");
	const char *name = json_string_value(json_object_get(json, "name"));

	if (!name || !json_is_string(text))
		return false;
	file->name = copy(name);
	file->length = json_string_length(text);
	file->text = copy(json_string_value(text));
	return true;
}

static const char *recall_text(const json_t *memo, const char *key, char **keep)
{
	const char *text = json_string_value(json_object_get(memo, key));

	if (text)
		*keep = copy(text);
	return *keep;
}

static uint32_t recall_number(const json_t *memo, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(memo, key));
}

int vzr_cli_batch_recall(const char *memo, struct cli_batch_options *options,
			 struct cli_batch_files *ret_files, struct vzr_error *err)
{
	json_t *json = json_loads(memo, JSON_REJECT_DUPLICATES, NULL);
	const json_t *documents = json_object_get(json, "documents");
	const json_t *manifest = json_object_get(json, "manifest");
	bool fine = json_array_size(documents) > 0;

	for (size_t i = 0; fine && i < json_array_size(documents); i++)
		fine = recall_file(json_array_get(documents, i), new_document(ret_files));
	if (fine && json_is_object(manifest))
		fine = recall_file(manifest, &ret_files->manifest);
	options->count = recall_number(json, "count");
	options->first_ctid = recall_number(json, "ctid_from");
	options->area = recall_text(json, "area", &ret_files->texts[0]);
	options->quota = recall_text(json, "quota", &ret_files->texts[1]);
	options->handoff = recall_text(json, "handoff", &ret_files->texts[2]);
	options->no_sync |= json_is_true(json_object_get(json, "no_sync"));
	options->keep_going |= json_is_true(json_object_get(json, "keep_going"));
	json_decref(json);
	return fine ? 0
		    : vzr_cli_fail(err, -VZR_E_CONFIG,
				   "the state of the interrupted batch is damaged");
}

/* ---- containers ---- */

static void drop(char **text)
{
	free(*text);
	*text = NULL;
}

/* What is one container's own is not given to a second one: each gets its own anew. */
static void make_common(struct vzr_domain *domain)
{
	drop(&domain->uuid);
	for (size_t i = 0; i < domain->n_interfaces; i++) {
		drop(&domain->interfaces[i].mac);
		drop(&domain->interfaces[i].host_name);
	}
}

static int load(const struct cli_batch_file *file, struct vzr_domain **ret_domain,
		struct vzr_error *err)
{
	return vzr_domain_load(file->name, file->text, file->length, ret_domain, err);
}

/* Number @number of @count of one document. */
static int rename_one(struct vzr_domain *domain, uint32_t number, struct vzr_error *err)
{
	CLI_AUTO_FREE char *name = NULL;
	bool numeric = domain->name[strspn(domain->name, "0123456789")] == '\0';
	int r;

	if (numeric || domain->ctid) {
		domain->ctid = 0;
		if (numeric)
			return vzr_domain_set(domain, "name", "none", err);
	}
	if (asprintf(&name, "%s-%u", domain->name, number) < 0) {
		name = NULL;
		vzr_cli_no_memory();
	}
	r = vzr_domain_set(domain, "name", name, err);
	return r;
}

static int add_counted(const struct cli_batch_file *file, uint32_t number,
		       struct vzr_batch *batch, struct vzr_error *err)
{
	CLI_AUTO_FREE char *label = NULL;
	CLI_AUTO_DOMAIN struct vzr_domain *domain = NULL;
	struct vzr_domain *given;
	int r = load(file, &domain, err);

	if (r < 0)
		return r;
	make_common(domain);
	r = rename_one(domain, number, err);
	if (r < 0)
		return r;
	if (asprintf(&label, "%s#%u", file->name, number) < 0) {
		label = NULL;
		vzr_cli_no_memory();
	}
	given = domain;
	domain = NULL;
	return vzr_batch_add(batch, label, given, 0, err);
}

static int set_values(struct vzr_domain *domain, const struct cli_manifest_row *row,
		      struct vzr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < row->n_values; i++)
		r = vzr_domain_set(domain, row->values[i].key, row->values[i].value, err);
	return r == 0 ? vzr_domain_check(domain, err) : r;
}

static int add_row(const struct cli_batch_files *files, const struct cli_manifest_row *row,
		   bool common, struct vzr_batch *batch, struct vzr_error *err)
{
	CLI_AUTO_FREE char *label = NULL;
	CLI_AUTO_DOMAIN struct vzr_domain *domain = NULL;
	struct vzr_error why = { 0 };
	struct vzr_domain *given;
	int r = load(&files->documents[0], &domain, err);

	if (r < 0)
		return r;
	if (asprintf(&label, "%s:%u", files->manifest.name, row->line) < 0) {
		label = NULL;
		vzr_cli_no_memory();
	}
	if (common)
		make_common(domain);
	r = set_values(domain, row, &why);
	if (r < 0) {
		(void)vzr_cli_fail(err, r, "%s: %s", label, why.msg);
		err->line = row->line;
		return r;
	}
	given = domain;
	domain = NULL;
	return vzr_batch_add(batch, label, given, 0, err);
}

static int add_manifest(const struct cli_batch_files *files, struct vzr_batch *batch,
			struct vzr_error *err)
{
	struct cli_manifest manifest = { 0 };
	int r = vzr_cli_manifest_parse(files->manifest.name, files->manifest.text,
				       files->manifest.length, &manifest, err);

	for (size_t i = 0; r == 0 && i < manifest.n_rows; i++)
		r = add_row(files, &manifest.rows[i], manifest.n_rows > 1, batch, err);
	vzr_cli_manifest_done(&manifest);
	return r;
}

int vzr_cli_batch_fill(struct cli *cli, const struct cli_batch_options *options,
		       const struct cli_batch_files *files, struct vzr_batch *batch,
		       struct vzr_error *err)
{
	size_t each = options->count ? options->count : 1;
	int r = 0;

	if (files->n_documents * each > CONTAINERS_MAX)
		return vzr_cli_fail(err, -VZR_E_LIMIT, "more than %d containers", CONTAINERS_MAX);
	for (size_t i = 0; r == 0 && i < files->n_documents; i++) {
		const struct cli_batch_file *file = &files->documents[i];
		struct vzr_domain *domain = NULL;

		r = load(file, &domain, err);
		if (r < 0)
			break;
		vzr_cli_document_warn(cli, file->name, domain);
		if (!files->manifest.text && each == 1) {
			r = vzr_batch_add(batch, file->name, domain, 0, err);
			continue;
		}
		vzr_domain_free(domain);
		for (uint32_t n = 1; !files->manifest.text && r == 0 && n <= each; n++)
			r = add_counted(file, n, batch, err);
	}
	return r == 0 && files->manifest.text ? add_manifest(files, batch, err) : r;
}
