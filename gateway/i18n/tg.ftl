# Чаро дар бораи дархост чунин қарор шудааст.
explain-decree = Тибқи қарори { $number } дар таҳрири { $version }, ки аз { $from } эътибор дорад.
explain-asks = { $who } дархост мекунад: { $dataset }, { $detail }; ин маълумотро { $owner } месупорад.
explain-hands-in = { $who } месупорад: { $dataset }; баста тасдиқ ва имзо шудааст, аз рӯи ҷинс тақсим шудааст.
explain-totals = шумораҳои умумӣ
explain-detail = бо тақсимот аз рӯи { $dimensions }
explain-and = { " " }ва{ " " }
explain-permitted = Тибқи моддаи { $articles } иҷозат аст:
explain-refused = Тибқи моддаи { $articles } рад карда шуд:
explain-overruled = Моддаи { $articles } инро иҷозат медод; манъ афзалият дорад.
explain-small-withheld = Шумораҳои аз 1 то { $most } ва он чи аз рӯи он онҳоро ҳисоб кардан мумкин аст, тибқи моддаи { $articles } пинҳон дошта мешаванд:
explain-small-given = Шумораҳои хурд тибқи моддаи { $articles } чунон ки супорида шудаанд, дода мешаванд:
explain-zeros-withheld = Сифрҳо низ пинҳон дошта мешаванд.
explain-unprotected = Қарор дар он шумораҳои хурдро пинҳон намедорад.
explain-unmandated = Ҳеҷ кас вазифадор нест, ки { $dataset }-ро супорад, бинобар ин он мубодила намешавад.
explain-no-counts = Маҷмӯи маълумот шумораи шахсонро надорад: дар он шумораҳои хурд нестанд.
explain-instead = Дар доираи он инҳо иҷозат мебуданд:
explain-instead-one = { $detail }, тибқи моддаи { $articles }
explain-nothing = Дар доираи он ҳеҷ чиз иҷозат намебуд.

# Мактубҳо ба шахсони масъули мақомот.
reminder-subject-missing = Birge: маълумоти { $agency } нарасидааст
reminder-subject-due = Birge: мӯҳлати супоридани маълумоти { $agency } наздик аст
reminder-to = Ба шахси масъул ва муовин: { $name } ({ $agency }).
reminder-law = Тибқи қарори { $number } дар таҳрири { $version } маълумоти зерин бояд супорида шавад, ки ҳанӯз нарасидааст. Рӯзҳо аз рӯи минтақаи вақти { $zone } нишон дода шудаанд.
reminder-missing = Дар мӯҳлат нарасидаанд:
reminder-due = Мӯҳлаташон наздик аст:
reminder-missing-one = { $dataset } ({ $name }), давраи { $period }: мӯҳлат дар охири рӯзи { $day } гузашт, моддаи { $article }
reminder-due-one = { $dataset } ({ $name }), давраи { $period }: то охири рӯзи { $day } дар мӯҳлат қабул мешавад, моддаи { $article }
reminder-how = Онҳоро дар гиреҳи мақомот супоред; маълумоти дермонда низ қабул мешавад:
reminder-obligations = Боз чӣ бояд супорида шавад ва чӣ расидааст, инро нишон медиҳад:
reminder-automatic = Ин мактубро низоми мубодила худкор фиристод. Дар чунин мактубҳо нишондиҳандаҳо нестанд, ба онҳо ҷавоб додан лозим нест.
