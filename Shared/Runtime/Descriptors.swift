import Glibc

/// How many files and sockets this process may have open.
public enum Descriptors {
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    /// Raises what is allowed to what may be allowed (shells give 1,024 of it), and answers that.
    @discardableResult
    public static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        // Where there is no bound, tables as large as the kernel's largest number would be made.
        let wanted = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
        if wanted > limit.rlim_cur {
            var raised = rlimit(rlim_cur: wanted, rlim_max: limit.rlim_max)
            if setrlimit(resource, &raised) == 0 { return Int(clamping: wanted) }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
