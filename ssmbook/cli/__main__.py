from ssmbook.cli import main

main()
