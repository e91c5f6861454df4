/// The place names that Chinese company names begin or end with: provinces and the larger cities, without their 省 or 市.
enum Regions {
    /// Names of the whole country: they make a name national, they do not place it.
    static let nation = ["中华人民共和国", "中国"]

    static let names: [String] = [
        "内蒙古", "黑龙江", "石家庄", "哈尔滨", "连云港", "秦皇岛", "呼和浩特", "乌鲁木齐", "张家口", "北京", "天津",
        "上海", "重庆", "河北", "山西", "辽宁", "吉林", "江苏", "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北",
        "湖南", "广东", "广西", "海南", "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海", "宁夏", "新疆", "香港",
        "澳门", "台湾", "太原", "沈阳", "大连", "长春", "南京", "苏州", "无锡", "常州", "南通", "徐州", "扬州", "镇江",
        "杭州", "宁波", "温州", "嘉兴", "绍兴", "金华", "台州", "合肥", "芜湖", "福州", "厦门", "泉州", "南昌", "济南",
        "青岛", "烟台", "潍坊", "郑州", "洛阳", "武汉", "宜昌", "长沙", "株洲", "广州", "深圳", "珠海", "佛山", "东莞",
        "中山", "惠州", "汕头", "南宁", "桂林", "柳州", "海口", "三亚", "成都", "绵阳", "贵阳", "昆明", "拉萨", "西安",
        "咸阳", "兰州", "西宁", "银川", "保定", "唐山", "廊坊", "包头", "台北",
    ]

    private static let suffixes = ["特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市"]

    /// 市 followed by one of these belongs to the next word: 上海市政工程 is 上海 + 市政工程.
    private static let afterCityWord: Set<Character> = ["政", "场", "民", "容", "值", "售", "北", "南"]

    /// A region at the start of `text`: its short name and what follows it (without 省, 市, …).
    static func prefix(of text: Substring) -> (name: String, rest: Substring)? {
        guard let name = names.first(where: { text.hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(name.count)
        guard let suffix = suffixes.first(where: { rest.hasPrefix($0) }) else { return (name, rest) }
        let after = rest.dropFirst(suffix.count)
        if suffix == "市", let next = after.first, afterCityWord.contains(next) { return (name, rest) }
        return (name, after)
    }

    /// A region at the end of `text`, with or without its suffix.
    static func suffix(of text: Substring) -> (name: String, rest: Substring)? {
        let bare = suffixes.first(where: { text.hasSuffix($0) }).map { text.dropLast($0.count) } ?? text
        for candidate in [bare, text] {
            if let name = names.first(where: { candidate.hasSuffix($0) }) {
                return (name, candidate.dropLast(name.count))
            }
        }
        return nil
    }
}
