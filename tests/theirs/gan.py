raise ImportError('gan/ comes first')
