/// How long the event log keeps events: the one place of the numbers.
public enum EventRetention {
    public static let standard = Duration.seconds(14 * 86_400)
    /// An hour, below which a restart for an upgrade would lose something, to ten years.
    public static let range = Duration.seconds(3_600)...(.seconds(3_650 * 86_400))

    /// Reads a text as the setting `event-retention` is read; nil when it is none or out of the range.
    public static func read(_ text: String) -> Duration? {
        Duration(configurationText: text).flatMap { range.contains($0) ? $0 : nil }
    }
}
