/// Which runs of three letters or digits are in many texts of a column, from a sample of them.
///
/// An index of such runs finds what has all of a pattern's; each that is in a good part of all texts (the head of phone
/// numbers, `com` in addresses) has a long list to go through and leaves hardly anything out.
public struct CommonGrams: Sendable, Hashable {
    private var grams: Set<[Unicode.Scalar]> = []

    /// In what part of the sample a run is common.
    static let share = 0.05
    /// Fewer texts than this say nothing.
    static let fewest = 100
    /// A part of a pattern that stands for the whole has so many runs: fewer might be in too many texts, more only cost.
    static let parts = 3...6

    public init(sample: some Collection<String>) {
        guard sample.count >= Self.fewest else { return }
        var counts: [[Unicode.Scalar]: Int] = [:]
        for text in sample {
            for gram in Set(Self.words(text).flatMap(Self.grams)) { counts[gram, default: 0] += 1 }
        }
        let bound = Int(Double(sample.count) * Self.share)
        grams = Set(counts.filter { $0.value > bound }.keys)
    }

    /// A part of the pattern that has to be in a text that has the whole, and of which no run is common; nil when there
    /// is none, or none that is less than the whole.
    public func rarePart(of pattern: String) -> String? {
        guard !grams.isEmpty else { return nil }
        var best: ArraySlice<Unicode.Scalar> = []
        for word in Self.words(pattern) {
            for run in Self.grams(word).split(whereSeparator: grams.contains) where run.count >= Self.parts.lowerBound {
                // Of a long one the end: that of a number tells more than its head.
                let count = min(run.count, Self.parts.upperBound)
                let part = word[(run.endIndex - count)..<(run.endIndex + 2)]
                if part.count > best.count { best = part }
            }
        }
        guard !best.isEmpty, best.count < pattern.unicodeScalars.count else { return nil }
        return String(String.UnicodeScalarView(best))
    }

    /// Whether a word, which may be part of a longer one, has a run that is not common.
    public func isRare(_ word: String) -> Bool {
        !Self.words(word).flatMap(Self.grams).allSatisfy(grams.contains)
    }

    private static func words(_ text: String) -> [[Unicode.Scalar]] {
        text.unicodeScalars.split { !$0.properties.isAlphabetic && $0.properties.numericType == nil }.map(Array.init)
    }

    private static func grams(_ word: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
        word.count < 3 ? [] : (0...word.count - 3).map { Array(word[$0..<$0 + 3]) }
    }
}
