import Tenancy

/// Further PostgreSQL servers, as they are written in one setting: `name=address name=address`.
public enum DatabaseServers {
    public static func read(_ text: String) throws(ConfigurationError) -> [String: Secret] {
        var servers: [String: Secret] = [:]
        for entry in text.split(whereSeparator: \.isWhitespace) {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0].wholeMatch(of: /[a-z][a-z0-9-]{0,30}/) != nil,
                parts[1].hasPrefix("postgresql://") || parts[1].hasPrefix("postgres://")
            else {
                throw ConfigurationError(
                    "database-servers has an entry that is not name=postgresql://…: a name begins with a letter and "
                        + "has small letters, digits and hyphens")
            }
            guard parts[0] != TenantDatabase.home else {
                throw ConfigurationError("database-servers calls one home, which is the one that has the directory")
            }
            guard servers.updateValue(Secret(parts[1]), forKey: parts[0]) == nil else {
                throw ConfigurationError("database-servers names \(parts[0]) twice")
            }
        }
        return servers
    }
}
