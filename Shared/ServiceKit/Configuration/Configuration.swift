import Foundation

/// The settings of a process, read once at start: flags over environment over file over defaults.
///
/// Everything is checked when it is read; a process that runs has valid settings.
public struct Configuration: Sendable {
    /// Where a value came from, the strongest first.
    public enum Source: String, Sendable { case flag, environment, file, `default` }

    private let values: [String: any ConfigurationValue]
    /// Where each key's value came from.
    public let sources: [String: Source]
    /// Settings that nobody here reads, each as a sentence: most are typing errors.
    public let warnings: [String]

    /// The key for the file's path, which every program has.
    public static let fileKey = ConfigurationKey(
        "config-file", default: "", help: "File with further settings: KEY=VALUE lines or one JSON object.",
        example: "/etc/guanxi/leads.conf")

    /// Reads and checks the settings.
    /// - Parameters:
    ///   - keys: every key the program reads.
    ///   - arguments: the command line without the program's name.
    ///   - readFile: the bytes of a file, nil when it cannot be read.
    public init(
        keys: [AnyConfigurationKey], arguments: [String], environment: [String: String],
        readFile: (String) -> [UInt8]? = { FileManager.default.contents(atPath: $0).map { [UInt8]($0) } }
    ) throws(ConfigurationError) {
        let keys = keys + [AnyConfigurationKey(Self.fileKey)]
        let flags = try CommandLineFlags.parse(arguments, keys: keys)
        let path = flags["config-file"] ?? environment["GUANXI_CONFIG_FILE"] ?? ""
        let file = path.isEmpty ? [:] : try ConfigurationFile.parse(path: path, bytes: readFile(path))

        var values: [String: any ConfigurationValue] = [:]
        var sources: [String: Source] = [:]
        for key in keys {
            let candidates: [(Source, String, String?)] = [
                (.flag, "--\(key.name)", flags[key.name]),
                (.environment, key.environmentName, environment[key.environmentName]),
                (.environment, key.environmentAlias ?? "", key.environmentAlias.flatMap { environment[$0] }),
                (.file, "\(key.name) in \(path)", file[key.environmentName] ?? file[key.name]),
            ]
            if let (source, name, text) = candidates.first(where: { $0.2 != nil }), let text {
                guard let value = key.parse(text) else { throw .wrongValue(key, name: name, text: text) }
                (values[key.name], sources[key.name]) = (value, source)
            } else if let value = key.defaultValue {
                (values[key.name], sources[key.name]) = (value, .default)
            } else {
                throw .missing(key)
            }
        }
        (self.values, self.sources) = (values, sources)
        warnings = Self.unread(keys: keys, environment: environment, file: file, path: path)
    }

    /// The value of a key that was handed to the initializer.
    public subscript<Value>(key: ConfigurationKey<Value>) -> Value {
        guard let value = values[key.name] as? Value else {
            preconditionFailure("the configuration key \(key.name) was not declared")
        }
        return value
    }

    /// Every setting with its text (secrets as `***`), by name: for the log line at start.
    public var summary: [(name: String, text: String)] {
        values.map { (name: $0.key, text: $0.value.configurationText) }.sorted { $0.name < $1.name }
    }

    /// `GUANXI_*` variables and lines of the file that are not settings of this program. The environment and the
    /// file may be shared by all services, so this is no error; a likely typing error is pointed out.
    private static func unread(
        keys: [AnyConfigurationKey], environment: [String: String], file: [String: String], path: String
    ) -> [String] {
        let known = Set(keys.flatMap { [$0.name, $0.environmentName] + [$0.environmentAlias].compactMap { $0 } })
        let names =
            environment.keys.filter { $0.hasPrefix("GUANXI_") }.map { ($0, "the environment") }
            + file.keys.map { ($0, path) }
        return names.filter { !known.contains($0.0) }.sorted { $0.0 < $1.0 }.map { name, place in
            "\(name) in \(place) is not a setting of this program" + Spelling.hint(for: name, among: known)
        }
    }
}

/// Why the settings cannot be used; its description is the sentence to show.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }

    static func wrongValue(_ key: AnyConfigurationKey, name: String, text: String) -> ConfigurationError {
        ConfigurationError("\(name) is \(key.isSecret ? "***" : "\"\(text)\""): expected \(key.expectation)")
    }

    static func missing(_ key: AnyConfigurationKey) -> ConfigurationError {
        let example = key.example.map { ", for example \($0)" } ?? ""
        return ConfigurationError("\(key.name) is not set: give --\(key.name) or \(key.environmentName)\(example)")
    }
}

/// Points out what somebody probably meant.
enum Spelling {
    /// ` (did you mean …?)` when something close enough is known, else nothing.
    static func hint(for word: String, among known: some Sequence<String>) -> String {
        let best = known.map { ($0, distance(word, $0)) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let best, best.1 <= max(1, word.count / 5) else { return "" }
        return " (did you mean \(best.0)?)"
    }

    /// Levenshtein's distance.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, character) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let substituted = diagonal + (character == right[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
