import Testing
import Text

@Suite struct CompanyNameTests {
    @Test(arguments: [
        ("华为技术有限公司", "華為技術有限公司"),
        ("北京字节跳动科技有限公司", "北京市字节跳动科技有限公司"),
        ("ＡＣＭＥ　Ｉｎｃ．", "Acme, Inc"),
        ("Acme GmbH & Co. KG", "acme"),
        ("Société Générale S.A.", "Generale Societe"),
        ("华润（集团）有限公司", "华润集团"),
        ("腾讯 (Tencent) 股份有限公司", "Tencent 腾讯"),
        ("Johnson & Johnson Ltd.", "johnson and johnson"),
    ])
    func `spellings of one name share a key`(_ a: String, _ b: String) {
        #expect(CompanyName(a).key == CompanyName(b).key)
    }

    @Test(arguments: [
        ("北京移动", "上海移动"), ("中国银行北京分行", "北京银行"), ("Acme Tools", "Acme Toys"),
        ("上海市政工程有限公司", "上海政工程有限公司"), ("某某有限公司北京分公司", "某某有限公司"),
    ])
    func `different names keep different keys`(_ a: String, _ b: String) {
        #expect(CompanyName(a).key != CompanyName(b).key)
    }

    @Test func `a name of nothing but legal words is kept`() {
        #expect(CompanyName("Limited Inc").key == "limited")
        #expect(CompanyName("有限公司").key == "有限公司")
        #expect(CompanyName("  --- ").key.isEmpty)
    }

    @Test func `places decide between branches of one company`() {
        let beijing = CompanyName("北京移动")
        let same = beijing.match(CompanyName("中国移动北京"))
        #expect(same.score >= CompanyNameMatch.likely)
        #expect(same.reasons.contains(.sameRegion("北京")) && same.reasons.contains(.sameCore("移动")))
        #expect(beijing.match(CompanyName("中国移动通信集团北京有限公司")).score >= CompanyNameMatch.likely)
        let other = beijing.match(CompanyName("上海移动"))
        #expect(other.score < 0.5)
        #expect(other.reasons.contains(.differentRegions("北京", "上海")))
        #expect(other.reasons.last?.text(language: "zh") == "地区不同：北京 / 上海")
    }

    @Test func `a trade alone does not make two companies one`() {
        #expect(CompanyName("北京银行").match(CompanyName("中国银行北京分行")).score < CompanyNameMatch.likely)
    }
}

@Suite struct IdentifierTests {
    @Test(arguments: [
        ("138 0013 8000", "+8613800138000"), ("＋86-13800138000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"), ("(010) 6552-9988", "+861065529988"),
        ("+86 (0)10 65529988", "+861065529988"),
        ("400-810-8888", "+864008108888"), ("+1 (415) 555-0100", "+14155550100"),
    ])
    func `phones become E164`(_ raw: String, _ expected: String) {
        #expect(PhoneNumber(raw)?.e164 == expected)
    }

    @Test(arguments: ["", "65529988", "12345", "138001380001", "call me", "+0123456789", "+1234567890123456"])
    func `incomplete phones are refused`(_ raw: String) {
        #expect(PhoneNumber(raw) == nil)
    }

    @Test func `an extension is kept apart`() {
        #expect(PhoneNumber("010-65529988转123")?.dialExtension == "123")
        #expect(PhoneNumber("0755-26013388 ext. 8")?.dialExtension == "8")
        #expect(PhoneNumber("020 8888 1234", country: "44")?.e164 == "+442088881234")
    }

    @Test func `e-mail addresses compare without case and width`() {
        #expect(EmailAddress.normalized(" Wang.Li＠Example.COM ") == "wang.li@example.com")
        #expect(EmailAddress.normalized("li@公司.中国") == "li@公司.中国")
        for broken in ["", "a", "a@", "@b.com", "a@b", "a@@b.com", "a b@c.com", "a@b..com", "a@-b.com", "a..b@c.com"] {
            #expect(EmailAddress.normalized(broken) == nil, "\(broken)")
        }
    }

    @Test func `the credit code is checked by its last character`() {
        #expect(UnifiedSocialCreditCode("91110000802100433b")?.text == "91110000802100433B")
        #expect(UnifiedSocialCreditCode("91110000802100433C") == nil)
        #expect(UnifiedSocialCreditCode("9111000080210043IB") == nil)
        #expect(UnifiedSocialCreditCode("911") == nil)
    }
}

@Suite struct ChineseTests {
    @Test func `traditional becomes simplified`() {
        #expect(Simplified.text("臺灣積體電路製造") == "台湾积体电路制造")
        #expect(Simplified.text("plain") == "plain")
    }

    @Test func `names are found by pinyin`() {
        #expect(Pinyin.readings("王小明") == [["wang", "xiao", "ming"]])
        #expect(Pinyin.searchText("北京移动") == "beijingyidong bjyd")
        #expect(Pinyin.searchText("Acme").isEmpty)
        // Characters of several readings: as companies are called, and as people are.
        #expect(Pinyin.searchText("工商银行") == "gongshangyinhang gsyh")
        #expect(Pinyin.searchText("厦门航空") == "xiamenhangkong xmhk")
        #expect(
            Pinyin.searchText("绿地房地产") == "lvdifangdichan ldfdc" || Pinyin.searchText("绿地房地产") == "ludifangdichan ldfdc"
        )
        #expect(Pinyin.searchText("单位") == "shanwei sw danwei dw")
        #expect(Pinyin.searchText("长江音乐") == "changjiangyinyue cjyy zhangjiangyinyue zjyy")
    }

    @Test func `what is looked for is found however it was written`() {
        func finds(_ typed: String, in text: String) -> Bool {
            SearchText.patterns(typed).contains { text.contains($0) }
        }
        for phone in ["+86 138 0013 8000", "13800138000", "138-0013-8000", "+8613800138000", "0086 138 00138000"] {
            let text = SearchText.of(names: [], phones: [phone])
            for typed in ["13800138000", "+86 138 0013 8000", "138 0013 8000", "00138000", "138-0013"] {
                #expect(finds(typed, in: text), "\(typed) in \(phone)")
            }
            #expect(!finds("13800138001", in: text))
        }
        let taiwan = SearchText.of(names: ["臺灣積體電路"], others: [nil, "TSMC"])
        #expect(finds("台湾", in: taiwan) && finds("臺灣", in: taiwan) && finds("taiwanjiti", in: taiwan))
        #expect(finds("臺灣", in: SearchText.of(names: ["台湾大哥大"])) && finds("tsmc", in: taiwan))
        #expect(SearchText.patterns("Acme 12") == ["acme 12"] && SearchText.patterns("2026") == ["2026"])
    }

    @Test func `spellings of a part are in that of the whole`() {
        #expect(Pinyin.spellings(of: "华为") == ["huawei"])
        #expect(Pinyin.spellings(of: "万") == ["wan", "mo"])
        #expect(Pinyin.spellings(of: "行业") == ["xingye", "hangye"])
        #expect(Pinyin.spellings(of: "单") == ["shan", "dan"])
        #expect(Pinyin.spellings(of: "a华").isEmpty && Pinyin.spellings(of: "").isEmpty)
        let some = stride(from: UInt32(0x4E00), through: 0x9FFF, by: 13).compactMap(Unicode.Scalar.init)
        // Those, too, that names or their neighbours read in another way.
        let characters = some.map { String($0) } + "令狐万俟澹台长秘卜种重刀盖过华纪牟粘区繁任单召折舍沈解燕尉乐员查藏行地都会调厦门".map { String($0) }
        for (character, next) in zip(characters, characters.dropFirst() + ["孙"]) {
            let spellings = Pinyin.spellings(of: character)
            guard !spellings.isEmpty else { continue }
            for whole in [character, "小" + character, "A" + character, character + next, character + "庆"] {
                let text = Pinyin.searchText(whole)
                #expect(spellings.contains { text.contains($0) }, "\(character) in \(whole)")
            }
        }
    }

    @Test func `what is rare of a pattern stands for it`() {
        let phones = (0..<200).map { "harbour ltd +8613800\(100_000 + $0 * 331) p\($0 * 977)@fill.example" }
        let common = CommonGrams(sample: phones)
        #expect(common.rarePart(of: "8613800987654") == "00987654")
        #expect(common.rarePart(of: "p97712@fill") == "p97712")
        // Nothing of it is rare, all of it is, or too little.
        for pattern in ["harbour", "987654", "harbour xy", "", "@", "fill.example", "+86138"] {
            #expect(common.rarePart(of: pattern) == nil, "\(pattern)")
        }
        #expect(common.rarePart(of: "harbour abcdefghijklmnop") == "ijklmnop")
        #expect(common.isRare("huawei") && !common.isRare("harb") && !common.isRare("ai"))
        #expect(CommonGrams(sample: phones.prefix(50)).rarePart(of: "8613800987654") == nil)
    }

    @Test func `many threads share the opened libraries`() async {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).allSatisfy { _ in
                        Pinyin.searchText("臺灣") == "taiwan tw" && CompanyName("臺灣公司").key == "台湾"
                    }
                }
            }
            for await correct in group { #expect(correct) }
        }
    }
}
