// SPDX-License-Identifier: MIT
#include "mount/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "mount/amend.h"
#include "mount/auto_unmount.h"
#include "mount/control_growth.h"
#include "mount/keys.h"
#include "mount/mountpoint.h"
#include "mount/naming.h"
#include "mount/refusal.h"
#include "util/error.h"
#include "util/log.h"
#include "util/macros.h"

/* FUSE_MIN_READ_BUFFER of the kernel: enough for every request that comes before INIT is done. */
#define INIT_BYTES 8192

/* What libfuse said first, in pieces: it prints its reasons, and we want them in our one line. */
static char fuse_said[256];

static void fuse_says(enum fuse_log_level level, const char *format, va_list arguments)
{
	size_t length = strlen(fuse_said);

	if (level > FUSE_LOG_WARNING || (length > 0 && fuse_said[length - 1] == '\n'))
		return;
	vsnprintf(fuse_said + length, sizeof(fuse_said) - length, format, arguments);
}

static int add_option(struct fuse_args *arguments, const char *option)
{
	return fuse_opt_add_arg(arguments, "-o") < 0 || fuse_opt_add_arg(arguments, option) < 0
		       ? -ENOMEM
		       : 0;
}

/* A comma in the source's name would end the option: libfuse wants it escaped. */
static int add_source(struct fuse_args *arguments, const char *source)
{
	_cleanup_free_ char *option = NULL;
	char *to;

	option = malloc(strlen("fsname=") + 2 * strlen(source) + 1);
	if (!option)
		return -ENOMEM;
	to = stpcpy(option, "fsname=");
	for (; *source; source++) {
		if (*source == ',' || *source == '\\')
			*to++ = '\\';
		*to++ = *source;
	}
	*to = '\0';
	return add_option(arguments, option);
}

static int fuse_new(struct session *session)
{
	struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
	int r = fuse_opt_add_arg(&arguments, "platterfs") < 0 ? -ENOMEM : 0;

	if (r == 0)
		r = add_option(&arguments, "default_permissions,subtype=platterfs");
	if (r == 0)
		r = add_source(&arguments, session->source);
	if (r == 0 && session->options->fuse)
		r = add_option(&arguments, session->options->fuse);
	if (r == 0) {
		session->fuse = fuse_session_new(&arguments, &namespace_ops, sizeof(namespace_ops),
						 &session->names);
		r = session->fuse ? 0 : -EINVAL;
	}
	fuse_opt_free_args(&arguments);
	return r;
}

static int fuse_mount(struct session *session, char **ret_error)
{
	struct refusal refusal;
	int r;

	refusal_listen(&refusal);
	errno = 0;
	r = fuse_session_mount(session->fuse, session->mountpoint) < 0 ? errno ? -errno : -EIO : 0;
	fuse_said[strcspn(fuse_said, "\n")] = '\0';
	*ret_error = refusal_end(&refusal, r == 0, fuse_said);
	if (r < 0)
		return r;
	session->lanes.fuse_fd = fuse_session_fd(session->fuse);
	r = fuse_session_custom_io(session->fuse, &slow_io, session->lanes.fuse_fd);
	return r < 0 ? -EIO : 0;
}

static unsigned cpus(int which)
{
	return (unsigned)max_u64((uint64_t)sysconf(which), 1);
}

static int plan(struct session *session, const struct engine *engine,
		const struct transport *transport)
{
	const struct mount_options *options = session->options;
	struct lanes *lanes = &session->lanes;

	lanes->engine = engine;
	lanes->transport = transport;
	lanes->slow = slow_put;
	lanes->slow_data = &session->slow;
	lanes->count = options->lanes;
	lanes->depth = options->depth;
	return lanes_plan(lanes, cpus(_SC_NPROCESSORS_CONF), cpus(_SC_NPROCESSORS_ONLN));
}

static int plan_refused(char **ret_error)
{
	return error_set(ret_error, -EINVAL, "lanes= times depth= may be %d at most",
			 LANES_REQUESTS_LIMIT);
}

static ssize_t init_read(int fd, char bytes[INIT_BYTES])
{
	ssize_t length;

	do {
		length = read(fd, bytes, INIT_BYTES);
	} while (length < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT));
	return length < 0 ? -errno : length;
}

/* INIT comes first, and alone: the kernel sends nothing else before it has the reply. */
static int fuse_handshake(struct session *session, char **ret_error)
{
	struct lanes *lanes = &session->lanes;
	_Alignas(8) char bytes[INIT_BYTES];
	struct fuse_buf buffer = {.mem = bytes};
	ssize_t length = init_read(lanes->fuse_fd, bytes);

	if (length < (ssize_t)sizeof(struct fuse_in_header))
		return length < 0 ? (int)length : -EPROTO;
	if (lanes->transport->commands && !amend_offers_uring((const void *)bytes)) {
		if (session->options->transport)
			return error_set(ret_error, -EOPNOTSUPP,
					 "transport=fuse-uring: this kernel does not offer it "
					 "(Linux 6.14, /sys/module/fuse/parameters/enable_uring)");
		if (plan(session, lanes->engine, &transport_dev) < 0)
			return plan_refused(ret_error);
	}
	amend_accept((const void *)bytes, lanes->transport->commands,
		     naming_passthrough(&session->names));
	buffer.size = (size_t)length;
	fuse_session_process_buf(session->fuse, &buffer);
	return fuse_session_exited(session->fuse) ? -EPROTO : 0;
}

/*
 * A loop device above must survive memory pressure: no allocation of ours may wait for write-back
 * that itself waits for us, nor may the kernel choose us when memory runs out. Where that is not
 * permitted, the daemon works without.
 */
static void survive_pressure(void)
{
	static const char never[] = "-1000";
	_cleanup_fd_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	struct rlimit files;

	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	if (fd >= 0 && write(fd, never, strlen(never)) < 0)
		log_line(LOG_DEBUG, "oom_score_adj: %s", strerror(errno));
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/*
 * The code and data of the daemon, as far as they are used: not what comes later, which a limit on
 * locked memory would then forbid to be allocated.
 */
static void lock_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_ONFAULT) < 0)
		log_line(LOG_DEBUG, "mlockall: %s", strerror(errno));
}

static bool forbidden(int error)
{
	return error == -EPERM || error == -ENOSYS || error == -EACCES || error == -ENOMEM;
}

/* What io_uring_setup(2) gives, in the words of what would change it. */
static const char *forbidden_by(int error)
{
	if (error == -ENOMEM)
		return "its rings need more locked memory than RLIMIT_MEMLOCK: ulimit -l";
	if (error == -EPERM || error == -EACCES)
		return "kernel.io_uring_disabled, or the container's seccomp profile";
	return error == -ENOSYS ? "neither this kernel nor this container has it"
				: strerror(-error);
}

/* io_uring if it is allowed here, unless the user wants one or the other. */
static int serve(struct session *session)
{
	struct lanes *lanes = &session->lanes;
	int r = lanes_start(lanes);

	if (r == 0 || session->options->engine || lanes->transport->whole || !forbidden(r))
		return r;
	log_info("%s: io_uring is not allowed here (%s): engine threads", session->mountpoint,
		 forbidden_by(r));
	r = plan(session, &engine_threads, &transport_dev);
	return r < 0 ? r : lanes_start(lanes);
}

static void session_free(struct session *session)
{
	if (session->fuse)
		fuse_session_destroy(session->fuse);
	free(session->source);
	free(session->mountpoint);
}

/* A dead mount of before, or our own that cannot be served after all; what lies below stays. */
static int session_unmount(struct session *session)
{
	_cleanup_free_ char *error = NULL;
	dev_t device;
	uid_t user;

	if (session->device &&
	    (mountpoint_find(session->mountpoint, &device, &user) < 0 || device != session->device))
		return 0;
	return mountpoint_unmount(session->mountpoint, true, &error);
}

static int start_serving(struct session *session, char **ret_error)
{
	const struct mount_options *options = session->options;
	int r = slow_start(&session->slow, session->fuse);

	if (r < 0)
		return r;
	r = serve(session);
	session->refused = r < 0 && session->lanes.transport->whole;
	if (r == 0 && session->lanes.transport->commands)
		r = slow_listen(&session->slow, session->lanes.fuse_fd,
				session->lanes.payload_bytes);
	if (r < 0 && options->engine)
		error_set(ret_error, r, "engine=%s: %s", options->engine->name,
			  options->engine->deep ? forbidden_by(r) : strerror(-r));
	if (r == 0) {
		lock_memory();
		r = control_start(&session->control, session);
	}
	if (r < 0) {
		session_unmount(session);
		/* Whoever looks at the mount already keeps the connection: nobody waits for him. */
		lanes_leave(&session->lanes);
		lanes_join(&session->lanes);
		slow_stop(&session->slow);
		lanes_destroy(&session->lanes);
	}
	return r;
}

static int mount_once(struct session *session, char **ret_error)
{
	uid_t user;
	int r = fuse_new(session);

	if (r < 0) {
		fuse_said[strcspn(fuse_said, "\n")] = '\0';
		if (fuse_said[0])
			error_set(ret_error, r, "%s", fuse_said);
		return r;
	}
	r = fuse_mount(session, ret_error);
	if (r < 0)
		return r;
	r = mountpoint_find(session->mountpoint, &session->device, &user);
	if (r == 0 && session->options->auto_unmount)
		r = auto_unmount_start(session->device);
	if (r == 0)
		r = fuse_handshake(session, ret_error);
	if (r == 0) {
		survive_pressure();
		r = start_serving(session, ret_error);
	}
	if (r < 0)
		session_unmount(session);
	return r;
}

/* Unless the user wants one: fuse-uring where its ring can be made, and every queue has requests.
 */
static int plan_best(struct session *session, const struct engine *engine)
{
	if (engine->deep && engine_uring_probe() == 0 &&
	    plan(session, engine, &transport_uring) == 0)
		return 0;
	return plan(session, engine, &transport_dev);
}

/*
 * Whether FUSE over io_uring works is known only when the kernel has been told that we speak it,
 * and then waits for it: if it does not, the mount is made anew without.
 */
static int mount_and_serve(struct session *session, char **ret_error)
{
	const struct mount_options *options = session->options;
	const struct engine *engine = options->engine ? options->engine : &engine_uring;
	int r;

	if (options->transport && options->transport->commands && !engine->deep)
		return error_set(ret_error, -EINVAL, "transport=fuse-uring needs engine=io_uring");
	r = options->transport ? plan(session, engine, options->transport)
			       : plan_best(session, engine);
	if (r < 0)
		return plan_refused(ret_error);
	r = mount_once(session, ret_error);
	if (r == 0 || options->transport || !session->refused)
		return r;
	log_line(LOG_DEBUG, "%s: fuse-uring: %s; transport dev", session->mountpoint, strerror(-r));
	fuse_session_destroy(session->fuse);
	session->fuse = NULL;
	fuse_said[0] = '\0';
	auto_unmount_stop();
	free(*ret_error);
	*ret_error = NULL;
	r = plan(session, engine, &transport_dev);
	return r < 0 ? plan_refused(ret_error) : mount_once(session, ret_error);
}

/* A table that cannot be read is an error of its own: it would leave images as the mount has them.
 */
static int open_names(struct session *session, const char *source, char **ret_error)
{
	const struct mount_options *options = session->options;
	struct table table = {0};
	const char *reason = NULL;
	int r = 0;

	if (options->table)
		r = table_read(options->table, &options->image, &table, ret_error);
	if (r < 0)
		return r;
	r = namespace_open(&session->names, source, session->mountpoint, options, &table, &reason);
	if (r == 0) {
		session->names.lanes = &session->lanes;
		return 0;
	}
	table_destroy(&table);
	return reason ? error_set(ret_error, r, "%s", reason) : r;
}

static int unlock_names(struct session *session, char **ret_error)
{
	char reason[UNLOCK_REASON_BYTES];
	int r = keys_unlock_all(&session->names, reason);

	if (r < 0) {
		error_set(ret_error, r, "%s", reason);
		namespace_free(&session->names);
	}
	return r;
}

int session_open(struct session *session, const char *source, const char *mountpoint,
		 struct mount_options *options, char **ret_error)
{
	int r;

	*session = (struct session){.options = options};
	session->source = realpath(source, NULL);
	if (!session->source)
		return -errno;
	r = mountpoint_resolve(mountpoint, &session->mountpoint);
	if (r == 0 && mountpoint_is_dead(session->mountpoint)) {
		log_info("%s: its daemon died; mounting anew", session->mountpoint);
		r = session_unmount(session);
	}
	if (r < 0)
		error_set(ret_error, r, "mount point %s: %s", mountpoint, strerror(-r));
	if (r == 0)
		r = open_names(session, source, ret_error);
	if (r == 0)
		r = unlock_names(session, ret_error);
	if (r < 0)
		session_free(session);
	return r;
}

int session_start(struct session *session, char **ret_error)
{
	int r;

	fuse_set_log_func(fuse_says);
	r = mount_and_serve(session, ret_error);
	if (r < 0) {
		namespace_free(&session->names);
		session_free(session);
	}
	return r;
}

int session_wait(struct session *session)
{
	int r;

	lanes_join(&session->lanes);
	/* What grows has its image open. */
	control_growth_stop(&session->control);
	slow_stop(&session->slow);
	lanes_destroy(&session->lanes);
	r = namespace_close(&session->names);
	control_stop(&session->control, r);
	auto_unmount_stop();
	namespace_free(&session->names);
	session_free(session);
	return r;
}
