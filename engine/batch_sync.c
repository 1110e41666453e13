/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for the disk, once for many containers and in a process of its own. */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/prepared.h"

#include <fcntl.h>
#include <string.h>

/* Adds the file system that @path is (or would be) on, unless it is there already. */
static int add_place(const struct vzr_settings *settings, struct vzr_batch_places *places,
		     const char *path, struct vzr_error *err)
{
	VZR_AUTO_FREE char *copy = path ? strdup(path) : NULL;
	VZR_AUTO_CLOSE int fd = -1;
	struct stat mine, other;

	if (!copy)
		return vzr_fail_code(err, -ENOMEM, "cannot run the batch");
	fd = vzr_open_nearest(vzr_settings_root_fd(settings), copy);
	if (fd < 0 || fstat(fd, &mine) < 0)
		return vzr_fail_errno(err, "cannot open %s", path);
	for (size_t i = 0; i < VZR_BATCH_PLACES; i++) {
		if (places->fds[i] < 0) {
			places->fds[i] = vzr_take_fd(fd);
			break;
		}
		if (fstat(places->fds[i], &other) == 0 && other.st_dev == mine.st_dev)
			break;
	}
	return 0;
}

int vzr_batch_places_open(const struct vzr_batch *batch, struct vzr_batch_places *ret_places,
			  struct vzr_error *err)
{
	const struct vzr_settings *s = batch->engine->settings;
	const struct vzr_handoff_ops *handoff = NULL;
	struct vzr_batch_places places = { { -1, -1, -1, -1 } };
	VZR_AUTO_FREE char *private_path = NULL, *conf = NULL;
	int r = vzr_setting_mkdir(s, "STATE_DIR", 0755, err);
	uint32_t ctid = 0;

	if (r < 0)
		return r;
	close(r);
	for (size_t i = 0; !handoff && i < batch->jobs.count; i++) {
		handoff = vzr_batch_job(batch, i)->decision.handoff;
		ctid = vzr_batch_job(batch, i)->item.ctid;
	}
	r = 0;
	if (handoff) {
		private_path = handoff->private_path(s, ctid);
		conf = handoff->commit_path(s, ctid);
		r = add_place(s, &places, private_path, err);
		if (r == 0)
			r = add_place(s, &places, conf, err);
	}
	if (r == 0)
		r = add_place(s, &places, vzr_setting(s, "STATE_DIR"), err);
	if (r == 0)
		r = add_place(s, &places, vzr_setting(s, "VZQUOTA_DIR"), err);
	if (r < 0) {
		vzr_batch_places_close(&places);
		return r;
	}
	*ret_places = places;
	return 0;
}

void vzr_batch_places_close(struct vzr_batch_places *places)
{
	for (size_t i = 0; i < VZR_BATCH_PLACES; i++) {
		vzr_closep(&places->fds[i]);
		places->fds[i] = -1;
	}
}

void vzr_batch_syncer(const struct vzr_batch_places *places, int fd)
{
	struct vzr_batch_message message;

	while (vzr_batch_receive(fd, 0, &message) == 1) {
		message = (struct vzr_batch_message){ .kind = VZR_MESSAGE_SYNC };
		for (size_t i = 0; i < VZR_BATCH_PLACES; i++)
			if (places->fds[i] >= 0 && syncfs(places->fds[i]) < 0 && !message.code)
				message.code = -errno;
		if (vzr_batch_send(fd, &message) < 0)
			break;
	}
	_exit(EXIT_SUCCESS);
}
