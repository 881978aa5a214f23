# Почему о запросе решено так.
explain-decree = По постановлению { $number } в редакции от { $version }, действующему с { $from }.
explain-asks = { $who } запрашивает { $dataset }, { $detail }; передаёт эти данные { $owner }.
explain-hands-in = { $who } передаёт { $dataset }: пакет утверждён, подписан, в разбивке по полу.
explain-totals = итоги
explain-detail = в разбивке по { $dimensions }
explain-and = { " " }и{ " " }
explain-permitted = Разрешено по статье { $articles }:
explain-refused = Отказано по статье { $articles }:
explain-overruled = Статья { $articles } это разрешила бы; запрет имеет преимущество.
explain-small-withheld = Числа от 1 до { $most } и то, из чего их можно вычислить, скрываются по статье { $articles }:
explain-small-given = Малые числа выдаются так, как переданы, по статье { $articles }:
explain-zeros-withheld = Нули также скрываются.
explain-unprotected = Постановление не скрывает в нём малых чисел.
explain-unmandated = Никто не обязан передавать { $dataset }, поэтому им не обмениваются.
explain-no-counts = Набор данных не содержит чисел лиц: малых чисел в нём нет.
explain-instead = В его пределах было бы разрешено:
explain-instead-one = { $detail }, по статье { $articles }
explain-nothing = В его пределах ничего не было бы разрешено.

# Что пишут ответственным лицам ведомства.
reminder-subject-missing = Birge: данные { $agency } не поступили
reminder-subject-due = Birge: подходит срок передачи данных { $agency }
reminder-to = Ответственному лицу и заместителю: { $name } ({ $agency }).
reminder-law = По постановлению { $number } в редакции от { $version } должны быть переданы следующие данные, которые ещё не поступили. Дни указаны по часовому поясу { $zone }.
reminder-missing = Не поступили в срок:
reminder-due = Подходит срок:
reminder-missing-one = { $dataset } ({ $name }), период { $period }: срок истёк в конце дня { $day }, статья { $article }
reminder-due-one = { $dataset } ({ $name }), период { $period }: принимаются в срок до конца дня { $day }, статья { $article }
reminder-how = Передайте их на узле ведомства; опоздавшие данные тоже принимаются:
reminder-obligations = Что ещё должно быть передано и что поступило, показывает:
reminder-automatic = Это письмо система обмена отправила автоматически. В таких письмах нет самих данных, отвечать на них не нужно.
