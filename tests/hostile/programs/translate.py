table = {97: "b" * 100000}
x = ("a" * 100000).translate(table)
