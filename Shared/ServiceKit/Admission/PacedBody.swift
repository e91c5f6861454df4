import HTTP
import Synchronization
import Values

/// Whether the sender of a body is worth the place its request holds.
///
/// Only time in which the sender is waited for counts. Who sends nothing at all is the server's business, see
/// ``HTTPServerOptions/minimumBodyRate``.
struct BodyPace: Sendable {
    /// Bytes a second that are enough, whoever waits.
    static let enough = 32 * 1024

    private let window: Duration
    private var waited = Duration.zero
    private var bytes = 0

    init(window: Duration = .seconds(2)) { self.window = window }

    /// Notes a part of the body and how long it was waited for.
    /// - Returns: whether the window that ends with it, if one does, had too little.
    mutating func note(_ count: Int, after duration: Duration) -> Bool {
        waited += duration
        bytes += count
        guard waited >= window else { return false }
        defer { (waited, bytes) = (.zero, 0) }
        return Double(bytes) < Double(Self.enough) * waited.inSeconds
    }
}

extension HTTPBody {
    /// The same body, which ends when its sender dawdles while `others` wait for the place its request holds.
    ///
    /// - Throws: from the stream, a 408 problem that says so.
    func paced(_ pace: BodyPace = BodyPace(), whileAnybodyWaits others: @escaping @Sendable () -> Bool) -> HTTPBody {
        guard case .stream(let length, let next) = content else { return self }
        let pace = Mutex(pace)
        return .stream(length: length) {
            let began = ContinuousClock.now
            guard let part = try await next() else { return nil }
            let isSlow = pace.withLock { $0.note(part.count, after: began.duration(to: .now)) }
            if isSlow, others() { throw Self.dawdles }
            return part
        }
    }

    private static let dawdles = Problem(
        .requestTimeout,
        .init(
            en: "The body came slower than 32 KiB a second while others waited: send less at once, or again later.",
            zh: "正文传输速度低于每秒 32 KiB，而其他请求正在等待：请减少单次数据量，或稍后重试。"),
        retryAfter: .seconds(10))
}
