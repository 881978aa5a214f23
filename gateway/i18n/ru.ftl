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
explain-small-withheld = Числа меньше { $threshold } и то, из чего их можно вычислить, скрываются по статье { $articles }:
explain-small-given = Малые числа выдаются так, как переданы, по статье { $articles }:
explain-no-counts = Набор данных не содержит чисел лиц: малых чисел в нём нет.
explain-instead = В его пределах было бы разрешено:
explain-instead-one = { $detail }, по статье { $articles }
explain-nothing = В его пределах ничего не было бы разрешено.
