import JSON

/// Reads `--name value`, `--name=value` and bare switches.
enum CommandLineFlags {
    static func parse(
        _ arguments: [String], keys: [AnyConfigurationKey]
    ) throws(ConfigurationError) -> [String: String] {
        let known = Dictionary(keys.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var flags: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument.count > 2 else {
                throw ConfigurationError("\"\(argument)\" is not understood: settings are given as --name value")
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let key = known[name] else {
                let hint = Spelling.hint(for: name, among: known.keys)
                throw ConfigurationError("--\(name) is not a setting of this program\(hint); --help lists them")
            }
            if parts.count == 2 {
                flags[name] = String(parts[1])
            } else if key.isSwitch, rest.first?.hasPrefix("--") ?? true {
                flags[name] = "true"
            } else if let value = rest.popFirst() {
                flags[name] = value
            } else {
                throw ConfigurationError("--\(name) needs a value: expected \(key.expectation)")
            }
        }
        return flags
    }
}

/// Reads a configuration file: lines `KEY=VALUE` with `#` comments and optional quotes, or one flat JSON object.
enum ConfigurationFile {
    static func parse(path: String, bytes: [UInt8]?) throws(ConfigurationError) -> [String: String] {
        guard let bytes else {
            throw ConfigurationError("the configuration file \(path) cannot be read: check path and permissions")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let isObject = text.first { !$0.isWhitespace } == "{"
        return isObject ? try object(bytes, path: path) : try lines(text, path: path)
    }

    private static func lines(_ text: String, path: String) throws(ConfigurationError) -> [String: String] {
        var values: [String: String] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimmed
            if line.isEmpty || line.hasPrefix("#") { continue }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw ConfigurationError("line \(index + 1) of \(path) is not understood: expected KEY=VALUE")
            }
            var name = parts[0].trimmed
            if name.hasPrefix("export ") { name = name.dropFirst(7).trimmed }
            values[String(name)] = unquoted(parts[1].trimmed)
        }
        return values
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, let first = text.first, first == "\"" || first == "'", text.last == first else {
            return String(text)
        }
        return String(text.dropFirst().dropLast())
    }

    private static func object(_ bytes: [UInt8], path: String) throws(ConfigurationError) -> [String: String] {
        let json: JSON
        do { json = try JSON.parse(bytes) } catch {
            throw ConfigurationError("the configuration file \(path) is not valid JSON: \(error)")
        }
        guard case .object(let members) = json else { return [:] }
        var values: [String: String] = [:]
        for (name, value) in members {
            switch value {
            case .string(let text): values[name] = text
            case .int(let number): values[name] = "\(number)"
            case .bool(let flag): values[name] = "\(flag)"
            default:
                throw ConfigurationError("\(name) in \(path): expected a text, a whole number or true or false")
            }
        }
        return values
    }
}

extension Substring {
    /// Without white space at both ends.
    var trimmed: Substring {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return self[first...last]
    }
}
