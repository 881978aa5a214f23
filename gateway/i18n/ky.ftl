# Сурам боюнча эмне үчүн ушундай чечим кабыл алынды.
explain-decree = { $number } токтом боюнча, { $version } редакциясы, күчүнө кирген күнү: { $from }.
explain-asks = { $who } сурайт: { $dataset }, { $detail }; бул маалыматты тапшырат: { $owner }.
explain-hands-in = { $who } тапшырат: { $dataset }; пакет бекитилген, кол коюлган, жынысы боюнча бөлүнгөн.
explain-totals = жалпы сандар
explain-detail = бөлүнүшү: { $dimensions }
explain-and = { " " }жана{ " " }
explain-permitted = { $articles } берене боюнча уруксат берилди:
explain-refused = { $articles } берене боюнча баш тартылды:
explain-overruled = { $articles } берене буга уруксат бермек; тыюу салуу артыкчылыкка ээ.
explain-small-withheld = 1ден { $most } чейинки сандар жана аларды эсептеп чыгарууга мүмкүндүк бергендер { $articles } берене боюнча жашырылат:
explain-small-given = Аз сандар { $articles } берене боюнча тапшырылган түрүндө берилет:
explain-zeros-withheld = Нөлдөр да жашырылат.
explain-unprotected = Токтом андагы аз сандарды жашырбайт.
explain-unmandated = { $dataset } тапшырууга эч ким милдеттүү эмес, ошондуктан ал алмашылбайт.
explain-no-counts = Маалымат топтомунда адам саны жок: анда аз сандар болбойт.
explain-instead = Анын чегинде буга уруксат берилмек:
explain-instead-one = { $detail }, { $articles } берене боюнча
explain-nothing = Анын чегинде эч нерсеге уруксат берилмек эмес.

# Органдын жооптуу адамдарына жазылуучу каттар.
reminder-subject-missing = Birge: { $agency } маалыматтары келген жок
reminder-subject-due = Birge: { $agency } маалыматтарын тапшыруу мөөнөтү жакындады
reminder-to = Жооптуу адамга жана орун басарга: { $name } ({ $agency }).
reminder-law = { $number } токтом ({ $version } редакциясы) боюнча төмөнкү маалыматтар тапшырылышы керек, алар келе элек. Күндөр { $zone } сааттык алкагы боюнча көрсөтүлгөн.
reminder-missing = Мөөнөтүндө келбегендер:
reminder-due = Мөөнөтү жакындагандар:
reminder-missing-one = { $dataset } ({ $name }), мезгили { $period }: мөөнөтү { $day } күнүнүн аягында бүткөн, { $article } берене
reminder-due-one = { $dataset } ({ $name }), мезгили { $period }: { $day } күнүнүн аягына чейин мөөнөтүндө кабыл алынат, { $article } берене
reminder-how = Аларды органдын түйүнүндө тапшырыңыз; кечиккен маалыматтар да кабыл алынат:
reminder-obligations = Дагы эмне тапшырылышы керек экенин жана эмне келгенин көрсөтөт:
reminder-automatic = Бул катты алмашуу системасы өзү жөнөттү. Мындай каттарда көрсөткүчтөр болбойт, аларга жооп берүүнүн кереги жок.
