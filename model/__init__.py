"""The Transformer of *Attention Is All You Need*, made to answer people in Korean.

Read in this order, each file one idea of the paper: ``config``, ``tokenizer``, ``dialogue``, ``positional``,
``embedding``, ``attention``, ``residual``, ``feed_forward``, ``encoder``, ``decoder``, ``transformer``, ``decoding``,
``rerank``; then ``checkpoint`` and ``engine``, which put them to work. Nothing here knows Redis, Telegram or a
corpus file.
"""
