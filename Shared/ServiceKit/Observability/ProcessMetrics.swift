import Foundation
import Runtime

extension MetricsRegistry {
    /// Registers what every process tells: memory, processor time, descriptors, and how busy its loops are.
    public func provideProcessMetrics(group: EventLoopGroup) {
        provide("process_resident_memory_bytes", .gauge, help: "Memory in RAM.") {
            ProcessFigures.residentBytes.map { [Sample($0)] } ?? []
        }
        provide("process_cpu_seconds_total", .counter, help: "Processor time, user and system.") {
            [Sample(ProcessFigures.processorSeconds)]
        }
        provide("process_open_fds", .gauge, help: "Open file descriptors.") {
            ProcessFigures.openDescriptors.map { [Sample(Double($0))] } ?? []
        }
        let started = Date().timeIntervalSince1970
        provide("process_start_time_seconds", .gauge, help: "When the process started.") { [Sample(started)] }
        provide("guanxi_loop_turns_total", .counter, help: "Turns of each event loop.") {
            Self.samples(group) { Double($0.count) }
        }
        provide("guanxi_loop_busy_seconds_total", .counter, help: "Time that each event loop spent working.") {
            Self.samples(group) { $0.sum }
        }
        provide("guanxi_loop_lag_max_seconds", .gauge, help: "The longest turn of each event loop since its start.") {
            Self.samples(group) { $0.maximum }
        }
        provide(
            "guanxi_loop_slow_turns_total", .counter, help: "Turns of each event loop that took more than 10 ms."
        ) {
            Self.samples(group) { lag in
                let slow = LoopLag.bounds.firstIndex { $0 >= 0.01 } ?? LoopLag.bounds.count
                return Double(lag.buckets.dropFirst(slow + 1).reduce(0, +))
            }
        }
    }

    private static func samples(_ group: EventLoopGroup, _ figure: (LoopLag) -> Double) -> [Sample] {
        group.loops.map { Sample(figure($0.lag), [(name: "loop", value: $0.name)]) }
    }
}

/// What the kernel says about this process.
private enum ProcessFigures {
    /// From `/proc/self/statm`.
    static var residentBytes: Double? {
        guard let text = FileManager.default.contents(atPath: "/proc/self/statm") else { return nil }
        let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? Double(fields[1]).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }

    /// `clock(3)`: user and system time, in microseconds by POSIX.
    static var processorSeconds: Double { Double(clock()) / 1_000_000 }

    static var openDescriptors: Int? {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count
    }
}
