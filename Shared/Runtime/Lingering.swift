/// Whether a loop without work looks for more before it sleeps; touched by the loop's thread only. Times are
/// the loop's clock in nanoseconds.
///
/// To sleep and to be woken costs more than to look: a processor with nothing to do stops, on a virtual machine it leaves
/// the machine, and whoever sends the next packet has to call it back. So a loop that has just worked looks again for
/// ``limit``, and offers its processor to others each time: `docs/decisions/0008-a-loop-looks-before-it-sleeps.md`.
final class Lingering {
    static let limit: UInt64 = 20_000

    private var workedAt: UInt64 = 0
    private var turnAt: UInt64 = 0
    private var lingers = false

    func didWork(at now: UInt64) { workedAt = now }

    /// Ends a turn at `now`; answers whether the next one looks for work without sleeping.
    func mayLinger(now: UInt64) -> Bool {
        turnAt = now
        lingers = now &- workedAt < Self.limit
        return lingers
    }

    /// The next turn begins later: others had the processor.
    func goesOn(at now: UInt64) { turnAt = now }

    /// Whether the turn that ends at `now` did nothing but look: it delayed nobody.
    func onlyLooked(now: UInt64) -> Bool { lingers && workedAt < turnAt && now &- turnAt < Self.limit }
}
