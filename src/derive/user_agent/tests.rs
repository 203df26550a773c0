use super::*;

use Device::*;

/// The name of a row, the string, and the browser, version, system and device expected of it.
type Case = (
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<u32>,
    Option<&'static str>,
    Option<Device>,
);

macro_rules! cases {
    ($($name:literal, $ua:expr => $browser:expr, $major:expr, $os:expr, $device:expr;)*) => {
        &[$(($name, $ua, opt($browser), num($major), opt($os), Some($device)),)*]
    };
}

/// An empty name stands for none, which keeps the table narrow.
const fn opt(name: &'static str) -> Option<&'static str> {
    if name.is_empty() { None } else { Some(name) }
}

/// A negative number stands for none.
const fn num(major: i32) -> Option<u32> {
    if major < 0 { None } else { Some(major.unsigned_abs()) }
}

#[rustfmt::skip]
const CASES: &[Case] = cases! {
    // Chrome
    "chrome windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36" => "Chrome", 156, "Windows", Pc;
    "chrome mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36" => "Chrome", 131, "macOS", Pc;
    "chrome linux", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36" => "Chrome", 131, "Linux", Pc;
    "chrome chromeos", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36" => "Chrome", 131, "ChromeOS", Pc;
    "chrome freebsd", "Mozilla/5.0 (X11; FreeBSD amd64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36" => "Chrome", 120, "BSD", Pc;
    "chrome windows 2003", "Mozilla/5.0 (Windows NT 5.2) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/49.0.2623.112 Safari/537.36" => "Chrome", 49, "Windows", Pc;
    "chrome windows of the future", "Mozilla/5.0 (Windows NT 11.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36" => "Chrome", 156, "Windows", Pc;
    "chrome android", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36" => "Chrome", 131, "Android", Smartphone;
    "chrome android tablet", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36" => "Chrome", 131, "Android", Tablet;
    "chrome cubot phone", "Mozilla/5.0 (Linux; Android 10; CUBOT_X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36" => "Chrome", 120, "Android", Smartphone;
    "chrome model with wv", "Mozilla/5.0 (Linux; Android 9; Xwv-10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0.4844.88 Mobile Safari/537.36" => "Chrome", 99, "Android", Smartphone;
    "chrome android tv", "Mozilla/5.0 (Linux; Android 11; Android TV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/100.0.4896.127 Safari/537.36" => "Chrome", 100, "Android", Appliance;
    "chromecast", "Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.225 Safari/537.36 CrKey/1.56.500000 DeviceType/Chromecast" => "Chrome", 90, "Linux", Appliance;
    "chrome iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1" => "Chrome", 131, "iOS", Smartphone;
    "chrome ipad", "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1" => "Chrome", 131, "iOS", Tablet;
    "chrome ipad as a mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131 Version/11.1.1 Safari/605.1.15" => "Chrome", 131, "iOS", Tablet;
    "chrome headless", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36" => "HeadlessChrome", 131, "Linux", Pc;
    // Firefox and its relatives
    "firefox windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0" => "Firefox", 133, "Windows", Pc;
    "firefox mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0" => "Firefox", 133, "macOS", Pc;
    "firefox linux", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0" => "Firefox", 133, "Linux", Pc;
    "firefox openbsd", "Mozilla/5.0 (X11; OpenBSD amd64; rv:122.0) Gecko/20100101 Firefox/122.0" => "Firefox", 122, "BSD", Pc;
    "firefox android phone", "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0" => "Firefox", 133, "Android", Smartphone;
    "firefox android tablet", "Mozilla/5.0 (Android 14; Tablet; rv:133.0) Gecko/133.0 Firefox/133.0" => "Firefox", 133, "Android", Tablet;
    "firefox iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 14_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/133.0 Mobile/15E148 Safari/605.1.15" => "Firefox", 133, "iOS", Smartphone;
    "firefox ipad as a mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/133.0 Safari/605.1.15" => "Firefox", 133, "iOS", Tablet;
    "firefox os", "Mozilla/5.0 (Mobile; rv:26.0) Gecko/26.0 Firefox/26.0" => "Firefox", 26, "Firefox OS", Smartphone;
    "firefox kaios", "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5" => "Firefox", 48, "KaiOS", Smartphone;
    "focus iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Focus/128.0 Mobile/15E148 Safari/605.1.15" => "Firefox Focus", 128, "iOS", Smartphone;
    "focus android old", "Mozilla/5.0 (Linux; Android 7.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Focus/1.0 Chrome/59.0.3029.83 Mobile Safari/537.36" => "Firefox Focus", 1, "Android", Smartphone;
    "seamonkey", "Mozilla/5.0 (Windows NT 10.0; WOW64; rv:68.0) Gecko/20100101 Firefox/68.0 SeaMonkey/2.53.18" => "SeaMonkey", 2, "Windows", Pc;
    "seamonkey without firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:68.0) Gecko/20100101 SeaMonkey/2.53.18" => "SeaMonkey", 2, "Linux", Pc;
    "pale moon", "Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Goanna/6.7 Firefox/102.0 PaleMoon/33.4.1" => "Pale Moon", 33, "Linux", Pc;
    "pale moon without firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:3.0) Goanna/20170207 PaleMoon/27.1.0" => "Pale Moon", 27, "Linux", Pc;
    // Safari and WebKit
    "safari mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15" => "Safari", 18, "macOS", Pc;
    "safari iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1" => "Safari", 18, "iOS", Smartphone;
    "safari ipad old style", "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1" => "Safari", 12, "iOS", Tablet;
    "safari ipod", "Mozilla/5.0 (iPod touch; CPU iPhone OS 12_0 like Mac OS X) AppleWebKit/604.1.34 (KHTML, like Gecko) Version/11.0 Mobile/15A5341f Safari/604.1" => "Safari", 11, "iOS", Smartphone;
    "epiphany", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15 Epiphany/605.1.15" => "Safari", 16, "Linux", Pc;
    "webkitgtk", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15" => "Safari", 17, "Linux", Pc;
    "webview iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148" => "iOS WebView", -1, "iOS", Smartphone;
    "webview ipad", "Mozilla/5.0 (iPad; CPU OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148" => "iOS WebView", -1, "iOS", Tablet;
    "webview mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)" => "macOS WebView", -1, "macOS", Pc;
    // Edge and Internet Explorer
    "edge windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70" => "Edge", 131, "Windows", Pc;
    "edge mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70" => "Edge", 131, "macOS", Pc;
    "edge android", "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.81 Mobile Safari/537.36 EdgA/131.0.2903.48" => "Edge", 131, "Android", Smartphone;
    "edge iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 EdgiOS/130.2849.80 Mobile/15E148 Safari/605.1.15" => "Edge", 130, "iOS", Smartphone;
    "edge legacy 12", "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.10240" => "Edge", 12, "Windows", Pc;
    "edge legacy 18", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.102 Safari/537.36 Edge/18.19042" => "Edge", 18, "Windows", Pc;
    "edge windows phone", "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063" => "Edge", 15, "Windows Phone", Smartphone;
    "edge xbox", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edge/44.18363.8131" => "Edge", 44, "Xbox", Appliance;
    "ie 11", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko" => "Internet Explorer", 11, "Windows", Pc;
    "ie 10", "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)" => "Internet Explorer", 10, "Windows", Pc;
    "ie 9", "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)" => "Internet Explorer", 9, "Windows", Pc;
    "ie 8", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)" => "Internet Explorer", 8, "Windows", Pc;
    "ie 8 as 7", "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; Trident/4.0)" => "Internet Explorer", 8, "Windows", Pc;
    "ie 7", "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)" => "Internet Explorer", 7, "Windows", Pc;
    // Opera
    "opera windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0" => "Opera", 115, "Windows", Pc;
    "opera gx", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36 OPR/114.0.0.0 (Edition GX-CN)" => "Opera", 114, "Windows", Pc;
    "opera android", "Mozilla/5.0 (Linux; Android 10; VOG-L29) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 OPR/76.2.4027.73374" => "Opera", 76, "Android", Smartphone;
    "opera android in a web view", "Mozilla/5.0 (Linux; U; Android 7.1.1; SM-J510 Build/NMF26X; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/61.0.3163.98 Mobile Safari/537.36 OPR/35.2.2254.12" => "Opera", 35, "Android", Smartphone;
    "opera touch", "Mozilla/5.0 (iPhone; CPU iPhone OS 15_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Mobile/15E148 Safari/604.1 OPT/3.3.3" => "Opera", 3, "iOS", Smartphone;
    "opera gx phone", "Mozilla/5.0 (Linux; Android 8.0.0; Infinix X608 Build/OPR1.170623.032) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/91.0.4472.120 Mobile Safari/537.36 OPX/1.0" => "Opera", 1, "Android", Smartphone;
    "opera iphone old", "Mozilla/5.0 (iPhone; CPU iPhone OS 7_1_1 like Mac OS X) AppleWebKit/537.51.2 (KHTML, like Gecko) OPiOS/8.0.1.80062 Mobile/11D201 Safari/9537.53" => "Opera", 8, "iOS", Smartphone;
    "opera presto", "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18" => "Opera", 12, "Windows", Pc;
    "opera presto 9", "Opera/9.64 (X11; Linux i686; U; en) Presto/2.1.1" => "Opera", 9, "Linux", Pc;
    "opera as msie", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.0; en) Opera 10.00" => "Opera", 10, "Windows", Pc;
    "opera mini android", "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16" => "Opera Mini", 36, "Android", Smartphone;
    "opera mini java", "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10" => "Opera Mini", 7, "Java ME", MobilePhone;
    // Other browsers
    "samsung internet", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36" => "Samsung Internet", 27, "Android", Smartphone;
    "samsung television", "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/2.2 Chrome/63.0.3239.84 TV Safari/537.36" => "Samsung Internet", 2, "Tizen", Appliance;
    "lg television", "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.79 Safari/537.36 WebAppManager" => "Chrome", 79, "webOS", Appliance;
    "vivaldi", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Vivaldi/7.0.3495.15" => "Vivaldi", 7, "Windows", Pc;
    "yandex windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 YaBrowser/24.10.1.598 Yowser/2.5 Safari/537.36" => "Yandex Browser", 24, "Windows", Pc;
    "yandex two numbers", "Mozilla/5.0 (Linux; arm_64; Android 14; SM-G965F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 YaBrowser/24.10 SA/3 Mobile Safari/537.36" => "Yandex Browser", 24, "Android", Smartphone;
    "uc browser", "Mozilla/5.0 (Linux; U; Android 8.0.0; ar-SA; Infinix X608 Build/OPR1.170623.032) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/78.0.3904.108 UCBrowser/13.3.8.1305 Mobile Safari/537.36" => "UC Browser", 13, "Android", Smartphone;
    "uc browser as opera mini", "UCWEB/2.0 (Linux; U; Opera Mini/7.1.32052/30.2697; en-US; GT-S5302) U2/1.0.0 UCBrowser/9.3.0.440 Mobile" => "UC Browser", 9, "Linux", Smartphone;
    "miui", "Mozilla/5.0 (Linux; U; Android 6.0.1; ru-ru; Redmi 4 Build/MMB29M) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/61.0.3163.128 Mobile Safari/537.36 XiaoMi/MiuiBrowser/10.3.6-g" => "MIUI Browser", 10, "Android", Smartphone;
    "huawei", "Mozilla/5.0 (Linux; Android 10; JNY-LX1; HMSCore 6.6.0.312) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.105 HuaweiBrowser/12.1.0.303 Mobile Safari/537.36" => "Huawei Browser", 12, "Android", Smartphone;
    "huawei harmonyos", "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile HuaweiBrowser/5.0.3.351" => "Huawei Browser", 5, "HarmonyOS", Smartphone;
    "huawei harmonyos pc", "Mozilla/5.0 (PC; OpenHarmony 6.1; Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.1.0.130 HuaweiBrowser/6.1.7.302" => "Huawei Browser", 6, "HarmonyOS", Pc;
    "duckduckgo iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1 Ddg/18.3" => "DuckDuckGo", 18, "iOS", Smartphone;
    "duckduckgo android", "Mozilla/5.0 (Linux; Android 12) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile DuckDuckGo/5 Safari/537.36" => "DuckDuckGo", 5, "Android", Smartphone;
    "brave old", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) brave/0.7.12 Chrome/47.0.2526.110 Brave/0.36.7 Safari/537.36" => "Brave", 0, "Windows", Pc;
    "brave with chrome's version", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Brave Chrome/84.0.4147.105 Safari/537.36" => "Brave", 84, "Linux", Pc;
    "qq browser windows", "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.25 Safari/537.36 Core/1.70.3877.400 QQBrowser/10.8.4506.400" => "QQ Browser", 10, "Windows", Pc;
    "qq browser phone", "Mozilla/5.0 (Linux; U; Android 4.1.1; zh-cn; MI 2S Build/JRO03L) AppleWebKit/537.36 (KHTML, like Gecko)Version/4.0 MQQBrowser/5.0 Mobile Safari/537.36" => "QQ Browser", 5, "Android", Smartphone;
    "whale", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Whale/3.28.266.14 Safari/537.36" => "Whale", 3, "Windows", Pc;
    "silk tablet", "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/130.4.1 like Chrome/130.0.6723.102 Safari/537.36" => "Silk", 130, "Android", Tablet;
    "silk as a mac", "Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10_6_3; en-us; Silk/1.1.0-80) AppleWebKit/533.16 (KHTML, like Gecko) Version/5.0 Safari/533.16 Silk-Accelerated=true" => "Silk", 1, "Android", Tablet;
    "silk fire tv", "Mozilla/5.0 (Linux; Android 9; AFTMM) AppleWebKit/537.36 (KHTML, like Gecko) Silk/130.4.1 like Chrome/130.0.6723.102 Safari/537.36" => "Silk", 130, "Android", Appliance;
    "puffin", "Mozilla/5.0 (Linux; Android 12; SM-A525F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Mobile Safari/537.36 Puffin/10.2.1.51600AP" => "Puffin", 10, "Android", Smartphone;
    "maxthon", "Mozilla/5.0 (Windows NT 5.1) AppleWebKit/537.36 (KHTML, like Gecko) Maxthon/4.4.5.1000 Chrome/30.0.1599.101 Safari/537.36" => "Maxthon", 4, "Windows", Pc;
    "maxthon in msie", "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Maxthon 2.0)" => "Maxthon", 2, "Windows", Pc;
    "android browser", "Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; GT-I9100 Build/IML74K) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30" => "Android Browser", 4, "Android", Smartphone;
    "android browser tablet", "Mozilla/5.0 (Linux; U; Android 3.2; en-us; Xoom Build/HTJ85B) AppleWebKit/534.13 (KHTML, like Gecko) Version/4.0 Safari/534.13" => "Android Browser", 4, "Android", Tablet;
    "android webview", "Mozilla/5.0 (Linux; Android 13; SM-A536E Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0.0.0 Mobile Safari/537.36" => "Android WebView", 124, "Android", Smartphone;
    "android webview 4.4", "Mozilla/5.0 (Linux; Android 4.4.2; A3-A11 Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/30.0.0.0 Mobile Safari/537.36" => "Android WebView", 30, "Android", Smartphone;
    "playstation 5", "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15" => "Safari", 13, "PlayStation", Appliance;
    "playstation 4", "Mozilla/5.0 (PlayStation 4 3.11) AppleWebKit/537.73 (KHTML, like Gecko)" => "", -1, "PlayStation", Appliance;
    "feature phone", "DoCoMo/2.0 N905i(c100;TB;W24H16)" => "", -1, "", MobilePhone;
    // Apps
    "facebook iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F79 [FBAN/FBIOS;FBAV/486.0.0.66.70;FBBV/123;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBID/phone;FBLC/en_US;FBOP/5]" => "Facebook", 486, "iOS", Smartphone;
    "facebook android", "Mozilla/5.0 (Linux; Android 6.0.1; SM-A910F Build/MMB29M; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/58.0.3029.83 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/120.0.0.14.84;]" => "Facebook", 120, "Android", Smartphone;
    "instagram iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F90 Instagram 335.0.0.34.95 (iPhone16,1; iOS 17_5_1; en_US; en; scale=3.00; 1179x2556; 610419758)" => "Instagram", 335, "iOS", Smartphone;
    "instagram on a cubot", "Mozilla/5.0 (Linux; Android 12; P60 Build/SP1A.210812.016; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/118.0.0.0 Mobile Safari/537.36 Instagram 308.0.0.36.109 Android (31/12; 320dpi; 720x1468; CUBOT; P60; P60; mt6765; es_ES; 534961953)" => "Instagram", 308, "Android", Smartphone;
    "tiktok iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 musical_ly_34.0.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/en Region/US" => "TikTok", 34, "iOS", Smartphone;
    "tiktok android", "Mozilla/5.0 (Linux; Android 14; Pixel 7 Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0.0.0 Mobile Safari/537.36 trill_340002 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/34.0.2 ByteLocale/en ByteFullLocale/en Region/US BytedanceWebview/d8a21c6" => "TikTok", 34, "Android", Smartphone;
    "tiktok build number", "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 musical_ly_2022600030 JsSdk/2.0 NetType/WIFI" => "TikTok", -1, "iOS", Smartphone;
    "line", "Mozilla/5.0 (iPhone; CPU iPhone OS 11_0 like Mac OS X) AppleWebKit/604.1.38 (KHTML, like Gecko) Mobile/15A372 Safari Line/7.12.0" => "LINE", 7, "iOS", Smartphone;
    "wechat", "Mozilla/5.0 (Linux; Android 13; M2012K11AC Build/TKQ1.220829.002; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/107.0.5304.141 Mobile Safari/537.36 MQQBrowser/6.2 TBS/046247 MicroMessenger/8.0.47.2560(0x28002F35) WeChat/arm64" => "WeChat", 8, "Android", Smartphone;
    "qq", "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/20A362 QQ/8.9.18.615 V1_IPH_SQ_8.9.18" => "QQ", 8, "iOS", Smartphone;
    "snapchat", "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Snapchat/12.08.0.37 (like Safari/8614.1.25.0.31, panda)" => "Snapchat", 12, "iOS", Smartphone;
    "pinterest", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [Pinterest/iOS]" => "Pinterest", -1, "iOS", Smartphone;
    "google app iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/343.0.695551749 Mobile/15E148 Safari/604.1" => "Google Search App", 343, "iOS", Smartphone;
    "google app android", "Mozilla/5.0 (Linux; Android 9; Pixel 3 Build/PQ1A.181205.006; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/71.0.3578.99 Mobile Safari/537.36 GSA/8.65.5.21.arm64" => "Google Search App", 8, "Android", Smartphone;
    "kakaotalk", "Mozilla/5.0 (Linux; Android 13; SM-S908N; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/113.0.5672.76 Mobile Safari/537.36;KAKAOTALK 2410170" => "KAKAOTALK", -1, "Android", Smartphone;
    "kakaotalk iphone", "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 KAKAOTALK 10.2.0" => "KAKAOTALK", 10, "iOS", Smartphone;
    "linkedin", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [LinkedInApp]/9.29.6160" => "LinkedIn", 9, "iOS", Smartphone;
    "slack", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12_4) AppleWebKit/537.36 (KHTML, like Gecko) AtomShell/2.6.0 Chrome/56.0.2924.87 Electron/1.6.3 Safari/537.36 MacAppStore/16.5.0 Slack_SSB/2.6.0" => "Slack", 2, "macOS", Pc;
    "teams", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Teams/1.5.00.21463 Chrome/102.0.5005.167 Electron/19.0.17 Safari/537.36" => "Teams", 1, "Windows", Pc;
    "electron", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.95.3 Chrome/128.0.6613.186 Electron/32.2.1 Safari/537.36" => "Electron", 32, "Windows", Pc;
    // Robots
    "googlebot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)" => "Googlebot", 2, "", Crawler;
    "googlebot smartphone", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/W.X.Y.Z Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)" => "Googlebot", 2, "", Crawler;
    "googlebot image", "Googlebot-Image/1.0" => "Googlebot", -1, "", Crawler;
    "adsbot", "AdsBot-Google (+http://www.google.com/adsbot.html)" => "AdsBot-Google", -1, "", Crawler;
    "adsbot mobile", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36 (compatible; AdsBot-Google-Mobile; +http://www.google.com/mobile/adsbot.html)" => "AdsBot-Google", -1, "", Crawler;
    "mediapartners", "Mediapartners-Google" => "Crawler", -1, "", Crawler;
    "googleother", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36 (compatible; GoogleOther)" => "GoogleOther", -1, "", Crawler;
    "lighthouse", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Chrome-Lighthouse" => "Lighthouse", -1, "", Crawler;
    "bingbot", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36" => "Bingbot", 2, "", Crawler;
    "bingpreview", "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b" => "BingPreview", 1, "", Crawler;
    "applebot", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)" => "Applebot", 0, "", Crawler;
    "baiduspider", "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)" => "Baiduspider", 2, "", Crawler;
    "baiduspider render", "Mozilla/5.0 (compatible; Baiduspider-render/2.0; +http://www.baidu.com/search/spider.html)" => "Baiduspider", -1, "", Crawler;
    "yandexbot", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)" => "YandexBot", 3, "", Crawler;
    "yandex metrika", "Mozilla/5.0 (compatible; YandexMetrika/2.0; +http://yandex.com/bots yabs01)" => "YandexBot", -1, "", Crawler;
    "bytespider", "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)" => "Bytespider", -1, "", Crawler;
    "gptbot", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)" => "GPTBot", 1, "", Crawler;
    "chatgpt-user", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot" => "ChatGPT-User", 1, "", Crawler;
    "claudebot", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)" => "ClaudeBot", 1, "", Crawler;
    "perplexitybot", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)" => "PerplexityBot", 1, "", Crawler;
    "amazonbot", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Amazonbot/0.1; +https://developer.amazon.com/support/amazonbot) Chrome/119.0.6045.214 Safari/537.36" => "Amazonbot", 0, "", Crawler;
    "facebookexternalhit", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)" => "facebookexternalhit", 1, "", Crawler;
    "imessage preview", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0" => "facebookexternalhit", 1, "", Crawler;
    "meta-externalagent", "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)" => "meta-externalagent", 1, "", Crawler;
    "slackbot", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)" => "Slackbot", -1, "", Crawler;
    "slack images", "Slack-ImgProxy (+https://api.slack.com/robots)" => "Slackbot", -1, "", Crawler;
    "twitterbot", "Twitterbot/1.0" => "Twitterbot", 1, "", Crawler;
    "telegrambot", "TelegramBot (like TwitterBot)" => "TelegramBot", -1, "", Crawler;
    "duckduckbot", "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)" => "DuckDuckBot", 1, "", Crawler;
    "ahrefsbot", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)" => "AhrefsBot", 7, "", Crawler;
    "semrushbot", "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)" => "SemrushBot", 7, "", Crawler;
    "ia_archiver", "ia_archiver (+http://www.alexa.com/site/help/webmasters; crawler@alexa.com)" => "ia_archiver", -1, "", Crawler;
    "phantomjs", "Mozilla/5.0 (Macintosh; Intel Mac OS X) AppleWebKit/534.34 (KHTML, like Gecko) PhantomJS/1.6.0 Safari/534.34" => "PhantomJS", 1, "", Crawler;
    "unknown bot", "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)" => "Crawler", -1, "", Crawler;
    "unknown bot on chrome", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 (compatible; FooBarBot/9.1)" => "Crawler", -1, "", Crawler;
    "unknown spider", "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)" => "Crawler", -1, "", Crawler;
    "unknown crawler", "MegaCrawler4/1.0" => "Crawler", -1, "", Crawler;
    "pinterest's robot", "Pinterest/0.2 (+https://www.pinterest.com/bot.html)" => "Crawler", -1, "", Crawler;
    "robot of woothee's", "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)" => "Crawler", -1, "", Crawler;
    // Tools
    "curl", "curl/8.5.0" => "curl", 8, "", Misc;
    "wget", "Wget/1.21.3" => "wget", 1, "", Misc;
    "python-requests", "python-requests/2.31.0" => "python-requests", 2, "", Misc;
    "aiohttp", "Python/3.12 aiohttp/3.9.1" => "aiohttp", 3, "", Misc;
    "go", "Go-http-client/1.1" => "Go-http-client", 1, "", Misc;
    "okhttp", "okhttp/4.12.0" => "okhttp", 4, "", Misc;
    "axios", "axios/1.6.2" => "axios", 1, "", Misc;
    "node-fetch", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)" => "node-fetch", 1, "", Misc;
    "node-fetch 3", "node-fetch" => "node-fetch", -1, "", Misc;
    "java", "Java/17.0.1" => "Java", 17, "", Misc;
    "java http client", "Java-http-client/21.0.2" => "Java", 21, "", Misc;
    "library of woothee's", "libwww-perl/6.05" => "HTTP Library", -1, "", Misc;
};

#[test]
fn table() {
    let mut failures = String::new();
    for &(name, ua, browser, major, os, device) in CASES {
        let expected = Agent { browser, major, os, device };
        let actual = parse(ua);
        if actual != expected {
            failures += &format!("{name}\n  expected {expected:?}\n  actual   {actual:?}\n");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn names_of_rows_are_unique() {
    let mut names: Vec<_> = CASES.iter().map(|case| case.0).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() >= 90);
    assert_eq!(names.len(), CASES.len());
}

#[test]
fn says_nothing_of_garbage() {
    for ua in [
        "",
        " ",
        "-",
        "\0",
        "Mozilla/5.0",
        "asdf",
        "(((((",
        ";;;",
        "/",
        "////",
        "é",
        "🦀🦀🦀",
        "null",
        "undefined",
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "Online/7",
        "9999999999",
    ] {
        assert_eq!(parse(ua), Agent::default(), "{ua:?}");
    }
}

#[test]
fn keeps_versions_small() {
    let chrome = |version: &str| {
        parse(&format!("Mozilla/5.0 (Windows NT 10.0) Chrome/{version} Safari/537.36"))
    };
    assert_eq!(chrome("9999.0").major, Some(9_999));
    for version in ["10000", "99999999999999999999999", "", ".", "x"] {
        assert_eq!(chrome(version).major, None, "{version:?}");
    }
}

#[test]
fn cuts_on_a_boundary() {
    // From 501 on the token no longer fits.
    for padding in 501..520 {
        let ua = format!("{}€ Firefox/133.0", "x".repeat(padding));
        assert_eq!(parse(&ua).browser, None, "{padding}");
    }
    assert_eq!(parse(&"é€🦀".repeat(100_000)), Agent::default());
}

#[test]
fn never_panics() {
    for (_, ua, ..) in CASES {
        for (at, c) in ua.char_indices().step_by(3) {
            // Cut at either end, with something odd in place, or twisted.
            parse(&ua[..at]);
            parse(&ua[at..]);
            parse(&format!("{}🦀{}", &ua[..at], &ua[at + c.len_utf8()..]));
        }
        parse(&ua.chars().rev().collect::<String>());
        parse(&ua.to_uppercase());
        parse(&ua.to_lowercase());
    }
    for (token, _) in BROWSERS.iter().chain(CRAWLERS).chain(TOOLS) {
        for ua in
            [token.to_string(), format!("é{token}€"), token.repeat(300), format!("{token}//__  1")]
        {
            parse(&ua);
        }
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2_000 {
        let ua: String = std::iter::from_fn(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from_u32((state % 0x500) as u32)
        })
        .take(100)
        .collect();
        parse(&ua);
    }
}

#[test]
fn names_devices() {
    let names = [Pc, Smartphone, Tablet, MobilePhone, Crawler, Appliance, Misc].map(Device::name);
    assert_eq!(
        names,
        ["pc", "smartphone", "tablet", "mobilephone", "crawler", "appliance", "misc"]
    );
}

/// Rules may ask for these names only, so none may be missing there; and one that no string can
/// give would be a question that never holds.
#[test]
fn all_names_are_known_to_rules() {
    let woothee = woothee::dataset::DATASET.values().map(|row| row.name);
    let browsers: std::collections::BTreeSet<_> = BROWSERS
        .iter()
        .chain(CRAWLERS)
        .chain(TOOLS)
        .map(|&(_, name)| name)
        .chain(woothee.filter_map(browser_name))
        .chain(["Crawler", "Android WebView", "iOS WebView", "macOS WebView", "Android Browser"])
        .collect();
    let known: std::collections::BTreeSet<_> = Agent::BROWSERS.iter().copied().collect();
    assert_eq!(browsers, known, "report::Agent::BROWSERS");
    let systems = SYSTEMS.iter().map(|&(_, os, _)| os);
    let unknown: Vec<_> = systems.filter(|os| !Agent::SYSTEMS.contains(os)).collect();
    assert!(unknown.is_empty(), "{unknown:?} must stand in report::Agent::SYSTEMS");
}
